// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "crypto/crypto.hpp"
#include "store/sqlite.hpp"

namespace pwh::store {

/// Which messages are wanted. Times are milliseconds since 1970.
struct EventQuery {
    std::optional<std::int64_t> since_ms;  ///< received then or later
    std::optional<std::int64_t> until_ms;  ///< received before then
    std::vector<std::string> triggers;     ///< API names; empty: all
    /// Messages with an event whose reference may be this one: the caller looks at each event with
    /// same_reference(). Empty: all.
    std::string reference;

    bool operator==(const EventQuery&) const = default;
};

struct StoredMessage {
    std::int64_t id = 0;
    std::int64_t received_ms = 0;
    crypto::Digest message_id{};
    std::string_view body;  ///< byte for byte as received; points into its Page
};

/// A piece of an answer, large enough to be fast and small enough to hold.
struct Page {
    std::vector<StoredMessage> messages;  ///< in the order of their ids
    std::int64_t reached = 0;  ///< all that is wanted up to this id is in this page or before it
    bool end = false;          ///< nothing newer is stored at present
    std::string bytes;         ///< what the bodies point into
};

/// Numbers of events, by day (UTC, days since 1970) and trigger.
struct Count {
    std::uint64_t messages = 0;
    std::uint64_t events = 0;
};
using Counts = std::map<std::pair<std::int64_t, std::string>, Count>;

/// What `status` looks at.
struct Source {
    std::string subscription;
    std::string trigger;
};

/// The reading side of the event store: any number of processes, beside the one that writes and
/// never in its way: no look at the store lasts longer than one call. One object belongs to one
/// thread at a time. Throws DatabaseError.
class EventReader {
  public:
    /// Throws DatabaseError when there is no store, or no sound one.
    explicit EventReader(const std::filesystem::path& path);

    /// The name that the store keeps for its life.
    const std::string& store_id() const { return store_id_; }
    /// The id of the newest message that was ever stored; 0 when there was none.
    std::int64_t last_id();
    /// Reads what is wanted with ids above `after` into `page`, whose memory is used again. An
    /// empty page that is not at the end is possible: go on with `reached`.
    void read(const EventQuery& query, std::int64_t after, Page& page);
    /// True when another connection changed the store since the last call (or since the start).
    /// Costs microseconds.
    bool changed();

    /// Counts what is wanted (without its reference); `events_in` tells how many events a body
    /// holds.
    Counts count(const EventQuery& query,
                 const std::function<std::size_t(std::string_view)>& events_in);

    /// When the newest message was received; nothing when the store holds none.
    std::optional<std::int64_t> newest_ms();
    /// How many messages are wanted (without the query's reference).
    std::uint64_t messages(const EventQuery& query);
    /// For each trigger the subscription that its newest message came from.
    std::vector<Source> newest_sources();
    /// Refused requests by reason, of the hours (since 1970) from `first_hour` on.
    std::map<std::string, std::uint64_t> refusals(std::int64_t first_hour);

  private:
    struct Range {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::int64_t earliest_ms = 0;
        std::int64_t latest_ms = 0;
    };
    struct Filter;

    std::int64_t data_version();
    void refresh();
    Filter filter_of(const EventQuery& query) const;
    const Range* segment_after(std::int64_t id) const;
    void read_piece(const Filter& filter, Page& page);
    void read_range(const Filter& filter, std::int64_t last, Page& page);
    void read_ids(const Filter& filter, const std::vector<std::int64_t>& ids, Page& page);
    const std::vector<std::int64_t>& candidates(const Filter& filter, const Range& segment);
    std::vector<std::int64_t> find_reference(const Range& segment, std::uint64_t key);
    std::vector<std::int64_t> find_sources(const Filter& filter, const Range& segment);
    void count_segment(const Filter& filter, const Range& segment, Counts& counts);
    void count_range(const Filter& filter, std::int64_t first, std::int64_t last,
                     const std::function<std::size_t(std::string_view)>& events_in, Counts& counts);

    Database database_;
    std::string store_id_;
    Statement version_;
    Statement range_;
    Statement by_id_;
    std::int64_t version_seen_ = 0;    ///< by changed()
    std::int64_t version_loaded_ = 0;  ///< by refresh()
    std::vector<Range> segments_;
    std::map<std::int64_t, Source> sources_;
    std::vector<std::int64_t> candidates_;  ///< in the segment that begins with...
    std::int64_t candidates_of_ = 0;
    EventQuery candidates_for_;
};

}  // namespace pwh::store
