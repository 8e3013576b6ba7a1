// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.hpp"
#include "crypto/crypto.hpp"
#include "store/event_index.hpp"
#include "store/sqlite.hpp"

namespace pwh::store {

/// A message to be stored. What the views point to has to stay until append() returns.
struct NewMessage {
    std::int64_t received_ms = 0;  ///< since 1970
    crypto::Digest message_id{};
    std::string_view trigger;       ///< empty when the message names none
    std::string_view subscription;  ///< likewise
    std::string_view body;
    std::size_t events = 0;
    const std::vector<std::uint64_t>* reference_keys =
        nullptr;  ///< of its events; see reference_key()
};

/// The keys of a body's references, and the number of its events: for what is stored but not yet
/// indexed when a store is opened.
using ReadReferences =
    std::function<std::size_t(std::string_view body, std::vector<std::uint64_t>& keys)>;

/// The writing side of the event store: one process at a time, one thread at a time. Throws
/// DatabaseError.
class EventStore {
  public:
    /// Opens the store, or makes it where the path names nothing. Throws Error(failure) when
    /// another process writes to it.
    EventStore(const std::filesystem::path& path, ReadReferences read_references);
    EventStore(const EventStore&) = delete;
    EventStore& operator=(const EventStore&) = delete;
    ~EventStore() = default;

    const std::filesystem::path& path() const { return path_; }
    std::int64_t last_id() const { return last_id_; }
    /// The message ids of the latest `count` messages, oldest first.
    void latest(std::size_t count, const std::function<void(const crypto::Digest&)>& take);

    /// Stores all of them, on disk when it returns, or none. Ids go on from the last; none is ever
    /// used again. After an error the next call tries anew.
    void append(std::span<const NewMessage> messages);

    /// Adds to the refusals of an hour (hours since 1970).
    void add_refusals(std::int64_t hour, const std::map<std::string, std::uint64_t>& by_reason);

    /// One step of what can wait, of a few milliseconds: writes a full segment of the index, brings
    /// the write-ahead log into the file, removes what was received before `oldest_ms` (if that is
    /// set) and gives its space back. True when there is more to do.
    bool maintain(std::optional<std::int64_t> oldest_ms);

    /// Throws DatabaseError when the file is not where it was any more; looks once a second.
    /// append() does so, too.
    void require_place();
    /// Makes sure that the store can be written. Throws DatabaseError.
    void probe();

  private:
    void lock();
    void load();
    void load_sources();
    void load_tail();
    void note_appended(std::span<const NewMessage> messages);
    std::int64_t source_of(std::string_view trigger, std::string_view subscription);
    void add_to_segments(const Segment::Message& message,
                         const std::vector<std::uint64_t>& reference_keys);
    void write_segment(Segment& segment);
    void checkpoint();
    bool remove_before(std::int64_t oldest_ms);
    void remove_segments(std::int64_t last_id);
    bool give_back();

    std::filesystem::path path_;
    UniqueFd lock_;  ///< closed after the database: closing it drops SQLite's own locks
    std::optional<Database> database_;
    std::optional<Transaction::Statements> transaction_;
    std::optional<Statement> insert_;
    std::int64_t last_id_ = 0;
    std::unordered_map<std::string, std::int64_t> sources_;
    std::string source_key_;
    std::vector<std::string> new_sources_;  ///< of the transaction
    ReadReferences read_references_;
    std::deque<Segment> segments_;  ///< not on disk yet; the last one grows
    bool segments_lack_ = false;    ///< there was no memory for a message: they are made anew
    std::vector<std::int64_t> batch_sources_;
    int wal_pages_ = 0;
    bool appended_ = false;  ///< since the last maintain()
    std::chrono::steady_clock::time_point place_looked_{};
    bool misplaced_ = false;
    int wal_pages_tried_ = 0;     ///< when the log was last brought in
    std::int64_t oldest_ms_ = 0;  ///< no message was received before then
    std::int64_t remove_at_once_ = 0;
    bool has_removed_ = false;  ///< and may have space to give back
};

}  // namespace pwh::store
