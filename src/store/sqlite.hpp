// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace pwh::store {

/// What SQLite could not do. Never holds what a message says.
class DatabaseError : public Error {
  public:
    enum class Kind {
        full,      ///< no room on the disk, or no more allowed
        busy,      ///< another program holds the file for too long
        damaged,   ///< the file is no database, or a broken one
        readonly,  ///< the file or its folder can't be written
        missing,   ///< the file can't be opened
        other,
    };

    DatabaseError(Kind kind, const std::string& message, std::string hint = {})
        : Error(ExitCode::failure, message, std::move(hint)), kind_(kind) {}

    Kind kind() const noexcept { return kind_; }

  private:
    Kind kind_;
};

/// A connection to an SQLite file; of one thread at a time. Everything throws DatabaseError, with
/// the file's name in the message.
class Database {
  public:
    enum class Mode { read_only, read_write, create };

    Database(const std::filesystem::path& path, Mode mode);

    sqlite3* handle() const { return handle_.get(); }
    const std::filesystem::path& path() const { return path_; }

    /// Runs statements that give no rows, or whose rows don't matter.
    void run(const std::string& sql);
    /// The first column of the first row; `otherwise` when there is none or it is NULL.
    std::int64_t number(const std::string& sql, std::int64_t otherwise = 0);
    std::string text(const std::string& sql);

    /// For a result code that is not the one hoped for.
    [[noreturn]] void fail(int result) const;

  private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    std::filesystem::path path_;
    std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. Texts and blobs that are bound have to stay where they are until reset().
class Statement {
  public:
    Statement(Database& database, std::string_view sql);

    Statement& bind(int at, std::int64_t value);
    Statement& bind_text(int at, std::string_view value);
    Statement& bind_blob(int at, std::span<const unsigned char> value);
    Statement& bind_blob(int at, std::string_view value);

    /// Steps; true while there is a row.
    bool step();
    /// Steps to the end, and resets.
    void run();
    /// Ends the look at the database that step() began.
    void reset();

    bool is_null(int column) const;
    std::int64_t number(int column) const;
    /// What a text or blob column holds; valid until the next step() or reset().
    std::string_view bytes(int column) const;

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    void check(int result) const;

    Database* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A transaction that is rolled back unless commit() returned.
class Transaction {
  public:
    /// Begins and commits, prepared once where that is done often.
    struct Statements {
        explicit Statements(Database& database);
        Statement begin;
        Statement commit;
    };

    explicit Transaction(Database& database);
    /// The statements have to outlive it.
    Transaction(Database& database, Statements& statements);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    void commit();

  private:
    Database& database_;
    Statements* statements_ = nullptr;
    bool open_ = true;
};

}  // namespace pwh::store
