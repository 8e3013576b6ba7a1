// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pwh::store {

/// What an event's reference is looked up by: its last part where it is a URL (some hold one that
/// ends in the UUID), in any case of letters. Different references may share a key.
std::uint64_t reference_key(std::string_view reference);

/// The day (UTC, since 1970) of a time in milliseconds since 1970.
std::int64_t day_of(std::int64_t ms);

/// True when `reference`, an event's, is the one that a user asked for as `wanted`.
bool same_reference(std::string_view reference, std::string_view wanted);

/// The latest messages, not yet indexed on disk. When there are enough they become a segment:
/// sorted lists that are written once, at the end of the file, and only read from then on. No
/// insert ever touches an old page, which is what costs most of the speed.
class Segment {
  public:
    /// A segment is full at any of these. Messages are numbered by 16 bits within it.
    static constexpr std::size_t most_messages = 16'384;
    static constexpr std::size_t most_events = 131'072;
    static constexpr std::size_t most_bytes = 32U << 20U;

    /// How many lists the references of a segment are spread over, so that one is a page or so.
    static constexpr std::size_t buckets = 32;

    struct Message {
        std::int64_t id = 0;
        std::int64_t received_ms = 0;
        std::int64_t source = 0;
        std::size_t bytes = 0;
        std::size_t events = 0;
    };
    /// Messages and events of one source on one day (UTC, days since 1970).
    struct Tally {
        std::uint64_t messages = 0;
        std::uint64_t events = 0;
    };

    /// Ids may leave gaps of less than 65,536 in a segment in all.
    void add(const Message& message, const std::vector<std::uint64_t>& reference_keys);

    bool empty() const { return messages_ == 0; }
    bool full() const;
    /// True when the message would not fit: its id is too far from the first.
    bool beyond(std::int64_t id) const;
    std::int64_t first() const { return first_; }
    std::int64_t last() const { return last_; }
    std::int64_t earliest_ms() const { return earliest_ms_; }
    std::int64_t latest_ms() const { return latest_ms_; }

    /// The list of a bucket, sorted, as it is stored.
    std::string references(std::size_t bucket);
    /// For each source the list of its messages, as it is stored.
    std::map<std::int64_t, std::string> sources() const;
    const std::map<std::pair<std::int64_t, std::int64_t>, Tally>& tallies() const {
        return tallies_;
    }

    static std::size_t bucket_of(std::uint64_t key) { return key % buckets; }
    /// The offsets of messages (id - first) under `key` in a stored list of references, ascending.
    static std::vector<std::uint16_t> find(std::string_view list, std::uint64_t key);
    /// The offsets in a stored list of a source, ascending.
    static std::vector<std::uint16_t> offsets(std::string_view list);

  private:
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    std::int64_t earliest_ms_ = 0;
    std::int64_t latest_ms_ = 0;
    std::size_t messages_ = 0;
    std::size_t events_ = 0;
    std::size_t bytes_ = 0;
    /// 48 bits of the key, then 16 of the offset: sorting them sorts both.
    std::array<std::vector<std::uint64_t>, buckets> references_;
    std::map<std::int64_t, std::vector<std::uint16_t>> sources_;
    std::map<std::pair<std::int64_t, std::int64_t>, Tally> tallies_;  ///< by day and source
};

}  // namespace pwh::store
