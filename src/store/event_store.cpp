// SPDX-License-Identifier: Apache-2.0
#include "store/event_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "store/event_schema.hpp"

namespace pwh::store {

namespace {

/// The write-ahead log is brought into the file when it is this long, in pages of 4 KiB, and kept
/// for reuse up to a size that only a reader who holds it up lets it exceed.
constexpr int checkpoint_pages = 2000;
constexpr int log_limit_bytes = 32 << 20;

/// What one step of cleaning up may take, and the bounds of what it does.
constexpr std::chrono::milliseconds step_time{10};
constexpr std::int64_t smallest_step = 16;
constexpr std::int64_t largest_step = 8192;

/// Free pages that are not worth giving back: the next messages need them.
constexpr std::int64_t free_pages_kept = 256;
constexpr int pages_given_back = 64;

/// Below this nothing of SQLite's own is locked, and no file is that long.
constexpr off_t lock_byte = std::numeric_limits<off_t>::max() - 1;

constexpr std::chrono::seconds between_looks_at_place{1};

constexpr std::int64_t ms_per_hour = 3'600'000;

/// While it lives commits are not synced one by one: what they change can be made again, and the
/// next sync brings it to disk as well.
class Unhurried {
  public:
    explicit Unhurried(Database& database) : database_(database) {
        database_.run("PRAGMA synchronous = NORMAL");
    }
    Unhurried(const Unhurried&) = delete;
    Unhurried& operator=(const Unhurried&) = delete;
    ~Unhurried() {
        sqlite3_exec(database_.handle(), "PRAGMA synchronous = FULL", nullptr, nullptr, nullptr);
    }

  private:
    Database& database_;
};

/// Tells any two texts apart, whatever they hold.
void put_source_key(std::string& key, std::string_view trigger, std::string_view subscription) {
    key.assign(std::to_string(trigger.size())).append(":").append(trigger).append(subscription);
}

int remember_pages(void* pages, sqlite3*, const char*, int in_log) {
    *static_cast<int*>(pages) = in_log;
    return SQLITE_OK;
}

}  // namespace

EventStore::EventStore(const std::filesystem::path& path, ReadReferences read_references)
    : path_(path), read_references_(std::move(read_references)) {
    create_event_store(path_);
    lock();
    database_.emplace(open_event_store(path_, Database::Mode::read_write));
    database_->run("PRAGMA synchronous = FULL");
    database_->run(fmt::format("PRAGMA journal_size_limit = {}", log_limit_bytes));
    sqlite3_wal_autocheckpoint(database_->handle(), 0);  // maintain() does it, after the answers
    sqlite3_wal_hook(database_->handle(), remember_pages, &wal_pages_);
    load();
    transaction_.emplace(*database_);
    insert_.emplace(*database_,
                    "INSERT INTO message (id, received, source, message_id, body) "
                    "VALUES (?, ?, ?, ?, ?)");
    remove_at_once_ = smallest_step;
}

/// A lock of the open file, on a byte that nothing else uses: no lock file is left about, and the
/// kernel gives it up when the process dies.
void EventStore::lock() {
    lock_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = lock_byte;
    wanted.l_len = 1;
    if (!lock_ || ::fcntl(lock_.get(), F_OFD_SETLK, &wanted) == 0) return;
    if (errno == EAGAIN || errno == EACCES) {
        throw Error(ExitCode::failure,
                    fmt::format("another pwh listen writes to the event store {}", path_.string()),
                    fmt::format("see which: fuser {}", path_.string()));
    }
    throw Error(ExitCode::failure, fmt::format("cannot lock the event store {}: {}", path_.string(),
                                               errno_text(errno)));
}

void EventStore::load() {
    event_store_id(*database_);
    const auto kept = database_->number("SELECT value FROM meta WHERE name = 'last_id'");
    last_id_ = std::max(kept, database_->number("SELECT max(id) FROM message"));
    load_sources();
    load_tail();
}

void EventStore::load_sources() {
    Statement statement(*database_, "SELECT id, trigger, subscription FROM source");
    while (statement.step()) {
        put_source_key(source_key_, statement.bytes(1), statement.bytes(2));
        sources_.emplace(source_key_, statement.number(0));
    }
}

void EventStore::load_tail() {
    const auto indexed = database_->number("SELECT max(last) FROM segment");
    Statement statement(*database_,
                        "SELECT id, received, source, body FROM message WHERE id > ? ORDER BY id");
    statement.bind(1, indexed);
    std::vector<std::uint64_t> keys;
    while (statement.step()) {
        const auto body = statement.bytes(3);
        keys.clear();
        const auto events = read_references_(body, keys);
        add_to_segments(
            {statement.number(0), statement.number(1), statement.number(2), body.size(), events},
            keys);
        // A store that was never indexed may be large.
        if (segments_.size() > 1) {
            write_segment(segments_.front());
            segments_.pop_front();
        }
    }
}

void EventStore::latest(std::size_t count, const std::function<void(const crypto::Digest&)>& take) {
    Statement statement(*database_, "SELECT message_id FROM message WHERE id > ? ORDER BY id");
    statement.bind(1, last_id_ - static_cast<std::int64_t>(count));
    while (statement.step()) {
        const auto bytes = statement.bytes(0);
        crypto::Digest id{};
        if (bytes.size() != id.size()) continue;
        std::memcpy(id.data(), bytes.data(), id.size());
        take(id);
    }
}

std::int64_t EventStore::source_of(std::string_view trigger, std::string_view subscription) {
    put_source_key(source_key_, trigger, subscription);
    const auto found = sources_.find(source_key_);
    if (found != sources_.end()) return found->second;
    Statement insert(*database_, "INSERT INTO source (trigger, subscription) VALUES (?, ?)");
    insert.bind_text(1, trigger).bind_text(2, subscription).run();
    const std::int64_t id = sqlite3_last_insert_rowid(database_->handle());
    sources_.emplace(source_key_, id);
    new_sources_.push_back(source_key_);
    return id;
}

/// A file that was moved or removed while it is open takes what is written, and nobody finds it
/// again. Looks once a second.
void EventStore::require_place() {
    const auto now = std::chrono::steady_clock::now();
    if (now - place_looked_ >= between_looks_at_place) {
        place_looked_ = now;
        struct stat open {};
        struct stat named {};
        misplaced_ = ::fstat(lock_.get(), &open) != 0 || ::stat(path_.c_str(), &named) != 0 ||
                     open.st_dev != named.st_dev || open.st_ino != named.st_ino;
    }
    if (!misplaced_) return;
    throw DatabaseError(
        DatabaseError::Kind::missing,
        fmt::format("the event store {} was moved or removed while pwh listen used it",
                    path_.string()),
        "put it back, or stop pwh listen and start it again");
}

void EventStore::append(std::span<const NewMessage> messages) {
    require_place();
    appended_ = true;
    batch_sources_.clear();
    new_sources_.clear();
    try {
        Transaction transaction(*database_, *transaction_);
        auto id = last_id_;
        for (const auto& message : messages) {
            const auto source = source_of(message.trigger, message.subscription);
            batch_sources_.push_back(source);
            insert_->bind(1, ++id)
                .bind(2, message.received_ms)
                .bind(3, source)
                .bind_blob(4, std::span<const unsigned char>(message.message_id))
                .bind_blob(5, message.body)
                .run();
        }
        transaction.commit();
    } catch (...) {
        insert_->reset();
        for (const auto& source : new_sources_) sources_.erase(source);
        throw;
    }
    note_appended(messages);
}

/// What is stored is stored: where there is no memory to index it, that is done later.
void EventStore::note_appended(std::span<const NewMessage> messages) {
    static const std::vector<std::uint64_t> none;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto& message = messages[i];
        ++last_id_;
        oldest_ms_ = std::min(oldest_ms_, message.received_ms);
        if (segments_lack_) continue;
        try {
            add_to_segments({last_id_, message.received_ms, batch_sources_[i], message.body.size(),
                             message.events},
                            message.reference_keys != nullptr ? *message.reference_keys : none);
        } catch (const std::bad_alloc&) {
            segments_lack_ = true;
        }
    }
}

void EventStore::add_to_segments(const Segment::Message& message,
                                 const std::vector<std::uint64_t>& reference_keys) {
    if (segments_.empty() || segments_.back().full() || segments_.back().beyond(message.id)) {
        segments_.emplace_back();
    }
    segments_.back().add(message, reference_keys);
}

void EventStore::add_refusals(std::int64_t hour,
                              const std::map<std::string, std::uint64_t>& by_reason) {
    const Unhurried unhurried(*database_);
    Transaction transaction(*database_);
    Statement statement(*database_,
                        "INSERT INTO refusal (hour, reason, count) VALUES (?1, ?2, ?3) "
                        "ON CONFLICT DO UPDATE SET count = count + ?3");
    for (const auto& [reason, count] : by_reason) {
        statement.bind(1, hour)
            .bind_text(2, reason)
            .bind(3, static_cast<std::int64_t>(count))
            .run();
    }
    transaction.commit();
}

void EventStore::write_segment(Segment& segment) {
    const Unhurried unhurried(*database_);
    Transaction transaction(*database_);
    Statement head(*database_,
                   "INSERT INTO segment (first, last, earliest, latest) VALUES (?, ?, ?, ?)");
    head.bind(1, segment.first())
        .bind(2, segment.last())
        .bind(3, segment.earliest_ms())
        .bind(4, segment.latest_ms())
        .run();
    const auto base = segment.first() << 16U;
    Statement references(*database_, "INSERT INTO segment_reference (id, list) VALUES (?, ?)");
    for (std::size_t bucket = 0; bucket < Segment::buckets; ++bucket) {
        const auto list = segment.references(bucket);
        references.bind(1, base + static_cast<std::int64_t>(bucket)).bind_blob(2, list).run();
    }
    Statement sources(*database_, "INSERT INTO segment_source (id, source, list) VALUES (?, ?, ?)");
    auto id = base;
    for (const auto& [source, list] : segment.sources()) {
        sources.bind(1, id++).bind(2, source).bind_blob(3, list).run();
    }
    Statement tallies(*database_,
                      "INSERT INTO segment_tally (id, day, source, messages, events) "
                      "VALUES (?, ?, ?, ?, ?)");
    id = base;
    for (const auto& [key, tally] : segment.tallies()) {
        tallies.bind(1, id++)
            .bind(2, key.first)
            .bind(3, key.second)
            .bind(4, static_cast<std::int64_t>(tally.messages))
            .bind(5, static_cast<std::int64_t>(tally.events))
            .run();
    }
    transaction.commit();
}

bool EventStore::maintain(std::optional<std::int64_t> oldest_ms) {
    if (segments_lack_) {
        segments_.clear();
        load_tail();
        segments_lack_ = false;
    }
    if (segments_.size() > 1) {
        write_segment(segments_.front());
        segments_.pop_front();
    }
    checkpoint();
    appended_ = false;
    if (oldest_ms && *oldest_ms > oldest_ms_ && remove_before(*oldest_ms)) return true;
    if (has_removed_ && give_back()) return true;
    return segments_.size() > 1;
}

/// Passive: waits for no reader. One that looks at an old state holds it up, and is asked again
/// when the log has grown by as much. When no message came for a while it brings in all there is,
/// so that who copies the file alone loses little.
void EventStore::checkpoint() {
    if (wal_pages_ < wal_pages_tried_) wal_pages_tried_ = 0;  // it began anew
    const auto worth_it = appended_ ? checkpoint_pages : 1;
    if (wal_pages_ - wal_pages_tried_ < worth_it) return;
    wal_pages_tried_ = wal_pages_;
    int in_log = 0;
    int brought = 0;
    const int result = sqlite3_wal_checkpoint_v2(database_->handle(), "main",
                                                 SQLITE_CHECKPOINT_PASSIVE, &in_log, &brought);
    if (result != SQLITE_OK && result != SQLITE_BUSY) database_->fail(result);
}

/// True when there may be more.
bool EventStore::remove_before(std::int64_t oldest_ms) {
    const auto began = std::chrono::steady_clock::now();
    Statement look(*database_, "SELECT id, received FROM message ORDER BY id LIMIT ?");
    look.bind(1, remove_at_once_);
    std::int64_t last = 0;
    std::int64_t found = 0;
    oldest_ms_ = std::numeric_limits<std::int64_t>::max();
    while (look.step()) {
        oldest_ms_ = look.number(1);
        if (oldest_ms_ >= oldest_ms) break;
        last = look.number(0);
        ++found;
    }
    look.reset();
    if (found == 0) return false;
    const Unhurried unhurried(*database_);
    Transaction transaction(*database_);
    Statement keep(*database_, "INSERT OR REPLACE INTO meta (name, value) VALUES ('last_id', ?)");
    keep.bind(1, last_id_).run();
    Statement remove(*database_, "DELETE FROM message WHERE id <= ?");
    remove.bind(1, last).run();
    remove_segments(last);
    Statement refusals(*database_, "DELETE FROM refusal WHERE hour < ?");
    refusals.bind(1, oldest_ms / ms_per_hour).run();
    transaction.commit();
    has_removed_ = true;
    const auto took = std::chrono::steady_clock::now() - began;
    if (took < step_time / 2 && found == remove_at_once_) {
        remove_at_once_ = std::min(largest_step, remove_at_once_ * 2);
    } else if (took > step_time) {
        remove_at_once_ = std::max(smallest_step, remove_at_once_ / 2);
    }
    return oldest_ms_ < oldest_ms;
}

void EventStore::remove_segments(std::int64_t last_id) {
    Statement find(*database_, "SELECT max(first) FROM segment WHERE last <= ?");
    find.bind(1, last_id);
    if (!find.step() || find.is_null(0)) return;
    const auto first = find.number(0);
    find.reset();
    for (const char* table : {"segment_reference", "segment_source", "segment_tally"}) {
        Statement remove(*database_, fmt::format("DELETE FROM {} WHERE id < ?", table));
        remove.bind(1, (first + 1) << 16U).run();
    }
    Statement remove(*database_, "DELETE FROM segment WHERE first <= ?");
    remove.bind(1, first).run();
}

/// True when there is more.
bool EventStore::give_back() {
    const auto free = database_->number("PRAGMA freelist_count");
    const auto all = database_->number("PRAGMA page_count");
    if (free <= std::max(free_pages_kept, all / 4)) {
        has_removed_ = false;
        return false;
    }
    const Unhurried unhurried(*database_);
    database_->run(fmt::format("PRAGMA incremental_vacuum({})", pages_given_back));
    return true;
}

void EventStore::probe() {
    const Unhurried unhurried(*database_);
    Transaction transaction(*database_);
    database_->run("INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', randomblob(8))");
    transaction.commit();
}

}  // namespace pwh::store
