// SPDX-License-Identifier: Apache-2.0
#include "store/event_schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "base/file.hpp"
#include "crypto/crypto.hpp"
#include "store/state_folder.hpp"
#include "text/hex.hpp"

namespace pwh::store {

namespace {

/// "pwhE", in the header of every event store.
constexpr std::int64_t application_id = 0x70776845;

/// Up to this size a store is checked whole before it is written to.
constexpr std::int64_t small_enough_to_check = 64LL << 20U;

// Ids are never used again: the last one is kept in `meta` before messages are removed. An event's
// type and reference are in the body, and in the view; what they are found by is in step 2.
constexpr const char* messages_step = R"(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE source (                -- where messages come from
  id INTEGER PRIMARY KEY,
  trigger TEXT NOT NULL,             -- the API's name; empty when a message has none
  subscription TEXT NOT NULL,        -- its id; likewise
  UNIQUE (trigger, subscription)
);

CREATE TABLE message (
  id INTEGER PRIMARY KEY,            -- ascending, never used again
  received INTEGER NOT NULL,         -- milliseconds since 1970, UTC
  source INTEGER NOT NULL REFERENCES source,
  message_id BLOB NOT NULL,          -- SHA-256 of the body
  body BLOB NOT NULL                 -- byte for byte as received
);

CREATE TABLE refusal (               -- requests that were refused
  hour INTEGER NOT NULL,             -- hours since 1970, UTC
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hour, reason)
) WITHOUT ROWID;

CREATE VIEW event AS                 -- each event of each message, for those who ask in SQL
SELECT message.id AS message,
       json_each.key AS position,
       json_extract(json_each.value, '$.event') AS event,
       json_extract(json_each.value, '$.entityType') AS entity_type,
       json_extract(json_each.value, '$.entityRef') AS entity_ref
FROM message, json_each(
  CASE WHEN json_valid(CAST(message.body AS TEXT)) THEN CAST(message.body AS TEXT) ELSE '{}' END, '$.events');
)";

// What --entity, --trigger, --since and --stats are answered from: a segment is a range of message
// ids, written once, after its messages. Rows of a segment have the ids first * 65536 + n. The
// newest messages are in no segment yet, and are read one by one.
constexpr const char* index_step = R"(
CREATE TABLE segment (
  first INTEGER PRIMARY KEY,         -- message ids, both included
  last INTEGER NOT NULL,
  earliest INTEGER NOT NULL,         -- of `received`
  latest INTEGER NOT NULL
);

CREATE TABLE segment_reference (     -- n is the bucket: the lowest 5 bits of the reference's key
  id INTEGER PRIMARY KEY,
  list BLOB NOT NULL                 -- ascending 64-bit little-endian: key >> 16 << 16 | (message id - first)
);

CREATE TABLE segment_source (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  list BLOB NOT NULL                 -- ascending 16-bit little-endian: message id - first
);

CREATE TABLE segment_tally (
  id INTEGER PRIMARY KEY,
  day INTEGER NOT NULL,              -- days since 1970, UTC
  source INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  events INTEGER NOT NULL
);
)";

constexpr std::array steps{messages_step, index_step};

void upgrade(Database& database, std::int64_t version) {
    Transaction transaction(database);
    for (auto step = static_cast<std::size_t>(version); step < steps.size(); ++step) {
        database.run(steps.at(step));
    }
    database.run(fmt::format("PRAGMA user_version = {}", steps.size()));
    transaction.commit();
}

[[noreturn]] void fail(DatabaseError::Kind kind, const std::filesystem::path& path,
                       std::string_view what, std::string hint) {
    throw DatabaseError(kind, fmt::format("the event store {} {}", path.string(), what),
                        std::move(hint));
}

/// SQLite would take an empty file for a new database, and a folder for anything.
void require_store_file(const std::filesystem::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        fail(DatabaseError::Kind::missing, path,
             fmt::format("cannot be opened: {}", errno_text(errno)),
             "`pwh listen --store FILE` makes one; check --store, PWH_STORE, or `store`");
    }
    if (!S_ISREG(info.st_mode)) {
        fail(DatabaseError::Kind::damaged, path, "is no file", "name a file");
    }
    if (info.st_size == 0) {
        fail(DatabaseError::Kind::damaged, path, "is empty: it was one, or never became one",
             "remove it if nothing was lost; `pwh listen` then makes a new one");
    }
}

void require_ours(Database& database) {
    if (database.number("PRAGMA application_id") != application_id) {
        fail(DatabaseError::Kind::damaged, database.path(), "is another program's database",
             "name another file");
    }
    const auto version = database.number("PRAGMA user_version");
    if (version > static_cast<std::int64_t>(steps.size())) {
        fail(DatabaseError::Kind::damaged, database.path(),
             fmt::format("was written by a later pwh (version {} of its format)", version),
             "use that pwh");
    }
}

/// SQLite would take what another database left behind for the new one's.
void require_no_remains(const std::filesystem::path& path) {
    for (const char* suffix : {"-wal", "-journal"}) {
        struct stat info {};
        const auto rest = path.string() + suffix;
        if (::lstat(rest.c_str(), &info) != 0) continue;
        if (::lstat(path.c_str(), &info) == 0) return;  // made meanwhile, by another
        fail(DatabaseError::Kind::damaged, path,
             fmt::format("is gone, and {} is still there", rest),
             "it holds the latest events: put the store back beside it, or remove it, too");
    }
}

/// A name that is removed with its owner.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::filesystem::path& beside)
        : name_(fmt::format("{}.XXXXXX", beside.string())),
          fd_(::mkostemp(name_.data(), O_CLOEXEC)) {
        if (!fd_) {
            const auto kind =
                errno == ENOSPC ? DatabaseError::Kind::full : DatabaseError::Kind::readonly;
            fail(kind, beside, fmt::format("cannot be made: {}", errno_text(errno)),
                 "check --store: its folder has to be there, and writable");
        }
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
            ::unlink((name_ + suffix).c_str());
        }
    }

    const std::string& name() const { return name_; }
    int fd() const { return fd_.get(); }

  private:
    std::string name_;
    UniqueFd fd_;
};

void fill(const std::string& name) {
    Database database(name, Database::Mode::create);
    database.run("PRAGMA auto_vacuum = INCREMENTAL");  // before there is a table
    upgrade(database, 0);
    std::array<unsigned char, 16> id{};
    crypto::random_bytes(id);
    Statement insert(database, "INSERT INTO meta (name, value) VALUES ('store_id', ?)");
    const auto text = text::to_hex(id);
    insert.bind_text(1, text).run();
    database.run(fmt::format("PRAGMA application_id = {}", application_id));
    database.run("PRAGMA journal_mode = WAL");
}

}  // namespace

std::span<const char* const> schema_steps() {
    return steps;
}

void create_event_store(const std::filesystem::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0) return;
    require_no_remains(path);
    const TemporaryFile file(path);
    fill(file.name());
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    take_owner(file.fd(), folder, path);
    if (::fsync(file.fd()) != 0) {
        fail(DatabaseError::Kind::other, path, fmt::format("cannot be made: {}", errno_text(errno)),
             {});
    }
    // Never over another's, made meanwhile.
    if (::link(file.name().c_str(), path.c_str()) != 0 && errno != EEXIST) {
        fail(DatabaseError::Kind::readonly, path,
             fmt::format("cannot be made: {}", errno_text(errno)), "check --store");
    }
    const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory) ::fsync(directory.get());
}

Database open_event_store(const std::filesystem::path& path, Database::Mode mode) {
    require_store_file(path);
    Database database(path, mode);
    require_ours(database);
    const bool writes = mode != Database::Mode::read_only;
    if (writes && sqlite3_db_readonly(database.handle(), "main") != 0) {
        fail(DatabaseError::Kind::readonly, path, "is read-only for this user",
             "the file and its folder have to be writable for who runs pwh listen");
    }
    const auto version = database.number("PRAGMA user_version");
    if (version < static_cast<std::int64_t>(steps.size())) {
        if (!writes) {
            fail(DatabaseError::Kind::other, path, "was written by an earlier pwh",
                 "`pwh listen --store` brings it up to date when it starts");
        }
        upgrade(database, version);
    }
    if (writes && database.number("PRAGMA page_count") * database.number("PRAGMA page_size") <=
                      small_enough_to_check) {
        const auto found = database.text("PRAGMA quick_check(1)");
        if (found != "ok") {
            fail(DatabaseError::Kind::damaged, path, fmt::format("is damaged: {}", found),
                 "keep the file, and restore it from a backup, or name another store");
        }
    }
    return database;
}

std::string event_store_id(Database& database) {
    auto id = database.text("SELECT value FROM meta WHERE name = 'store_id'");
    if (id.empty()) {
        fail(DatabaseError::Kind::damaged, database.path(), "has lost its name",
             "restore it from a backup, or name another store");
    }
    return id;
}

}  // namespace pwh::store
