// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace pwh::store {

namespace {

/// For how long another program (a backup, the sqlite3 shell) may hold the file.
constexpr int busy_timeout_ms = 5000;

int flags_of(Database::Mode mode) {
    constexpr int always = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    switch (mode) {
        case Database::Mode::read_only:
            return always | SQLITE_OPEN_READONLY;
        case Database::Mode::read_write:
            return always | SQLITE_OPEN_READWRITE;
        case Database::Mode::create:
            return always | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    }
    return always;
}

DatabaseError::Kind kind_of(int result) {
    switch (result & 0xff) {
        case SQLITE_FULL:
            return DatabaseError::Kind::full;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return DatabaseError::Kind::busy;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR:  // our statements are right: the tables are not
            return DatabaseError::Kind::damaged;
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return DatabaseError::Kind::readonly;
        case SQLITE_CANTOPEN:
            return DatabaseError::Kind::missing;
        default:
            return DatabaseError::Kind::other;
    }
}

std::string hint_for(DatabaseError::Kind kind, const std::string& path) {
    switch (kind) {
        case DatabaseError::Kind::full:
            return "make room on its disk";
        case DatabaseError::Kind::busy:
            return fmt::format("see which program holds it: fuser {}", path);
        case DatabaseError::Kind::damaged:
            return "keep the file, and restore it from a backup, or name another store";
        case DatabaseError::Kind::readonly:
            return "the file and its folder have to be writable for who runs pwh";
        case DatabaseError::Kind::missing:
            return "check the path, and that who runs pwh may use the file and its folder";
        case DatabaseError::Kind::other:
            break;
    }
    return {};
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const {
    sqlite3_close_v2(handle);
}

Database::Database(const std::filesystem::path& path, Mode mode) : path_(path) {
    sqlite3* handle = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &handle, flags_of(mode), nullptr);
    handle_.reset(handle);
    if (result != SQLITE_OK) fail(result);
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, busy_timeout_ms);
    // What a foreign or damaged file holds is data, and never runs.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

void Database::fail(int result) const {
    const auto kind = kind_of(result);
    const char* text = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(result);
    throw DatabaseError(kind, fmt::format("the event store {}: {}", path_.string(), text),
                        hint_for(kind, path_.string()));
}

void Database::run(const std::string& sql) {
    const int result = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) fail(result);
}

std::int64_t Database::number(const std::string& sql, std::int64_t otherwise) {
    Statement statement(*this, sql);
    if (!statement.step()) return otherwise;
    return statement.is_null(0) ? otherwise : statement.number(0);
}

std::string Database::text(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.step() ? std::string(statement.bytes(0)) : std::string();
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
    sqlite3_stmt* statement = nullptr;
    const int result =
        sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
    if (result != SQLITE_OK) database.fail(result);
}

void Statement::check(int result) const {
    if (result != SQLITE_OK) database_->fail(result);
}

Statement& Statement::bind(int at, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), at, value));
    return *this;
}

Statement& Statement::bind_text(int at, std::string_view value) {
    check(sqlite3_bind_text64(statement_.get(), at, value.data() != nullptr ? value.data() : "",
                              value.size(), nullptr, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind_blob(int at, std::span<const unsigned char> value) {
    static constexpr unsigned char nothing = 0;
    check(sqlite3_bind_blob64(statement_.get(), at,
                              value.data() != nullptr ? value.data() : &nothing, value.size(),
                              nullptr));
    return *this;
}

Statement& Statement::bind_blob(int at, std::string_view value) {
    // What a view of characters shows may be read as bytes.
    return bind_blob(at, {reinterpret_cast<const unsigned char*>(value.data()), value.size()});
}

bool Statement::step() {
    const int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    try {
        database_->fail(result);
    } catch (...) {
        sqlite3_reset(statement_.get());
        throw;
    }
}

void Statement::run() {
    while (step()) {
    }
    reset();
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    if (data == nullptr && size > 0) throw std::bad_alloc();
    return {static_cast<const char*>(data), size};
}

namespace {

constexpr const char* begin_text = "BEGIN IMMEDIATE";
constexpr const char* commit_text = "COMMIT";

}  // namespace

Transaction::Statements::Statements(Database& database)
    : begin(database, begin_text), commit(database, commit_text) {}

Transaction::Transaction(Database& database) : database_(database) {
    database_.run(begin_text);
}

Transaction::Transaction(Database& database, Statements& statements)
    : database_(database), statements_(&statements) {
    statements_->begin.run();
}

Transaction::~Transaction() {
    // Some errors have rolled back already; a second time does no harm.
    if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    if (statements_ != nullptr) {
        statements_->commit.run();
    } else {
        database_.run(commit_text);
    }
    open_ = false;
}

}  // namespace pwh::store
