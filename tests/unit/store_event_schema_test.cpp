// SPDX-License-Identifier: Apache-2.0
#include "store/event_schema.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store_scratch.hpp"

using namespace pwh::store_test;
using pwh::receiver::read_references;
using pwh::store::create_event_store;
using pwh::store::Database;
using pwh::store::DatabaseError;
using pwh::store::EventReader;
using pwh::store::EventStore;
using pwh::store::Segment;
using pwh::store::Statement;
using pwh::store::Transaction;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
const std::string old_id = "0123456789abcdef0123456789abcdef";

/// A store as the version with so many steps left it.
void make_store_of_version(const std::string& path, std::size_t version) {
    Database database(path, Database::Mode::create);
    database.run("PRAGMA auto_vacuum = INCREMENTAL");
    for (std::size_t step = 0; step < version; ++step) {
        database.run(pwh::store::schema_steps()[step]);
    }
    database.run(fmt::format("PRAGMA user_version = {}", version));
    database.run("PRAGMA application_id = 0x70776845");
    database.run("INSERT INTO meta (name, value) VALUES ('store_id', '" + old_id + "')");
    database.run("PRAGMA journal_mode = WAL");
}

void put(const std::string& path, const std::vector<Mail>& mails) {
    Database database(path, Database::Mode::read_write);
    Transaction transaction(database);
    database.run("INSERT INTO source (trigger, subscription) VALUES ('MOVED', 's1')");
    Statement insert(
        database, "INSERT INTO message (received, source, message_id, body) VALUES (?, 1, ?, ?)");
    for (const auto& mail : mails) {
        const auto digest = pwh::crypto::sha256(mail.body);
        insert.bind(1, mail.received_ms)
            .bind_blob(2, std::span<const unsigned char>(digest))
            .bind_blob(3, mail.body)
            .run();
    }
    transaction.commit();
}

struct Refused {
    DatabaseError::Kind kind = DatabaseError::Kind::other;
    std::string message;
    std::string hint;
};

Refused refused_by(const std::function<void()>& open) {
    try {
        open();
    } catch (const DatabaseError& error) {
        return {error.kind(), error.what(), error.hint()};
    }
    FAIL("it was opened");
    return {};
}

/// How `listen` is refused, which leaves the file as it was.
Refused refused(const std::string& path) {
    const auto before = content(path);
    const auto writing = refused_by([&path] { const EventStore store(path, read_references); });
    CHECK((content(path) == before));
    CHECK(writing.message.find(path) != std::string::npos);
    CHECK_FALSE(writing.hint.empty());
    refused_by([&path] { const EventReader reader(path); });
    CHECK((content(path) == before));
    return writing;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A sound store with some messages.
std::string sound(const Scratch& scratch, std::size_t messages = 200) {
    EventStore store(scratch.store(), read_references);
    std::vector<Mail> mails;
    for (std::size_t number = 0; number < messages; ++number) mails.push_back(mail(number));
    append(store, mails);
    return scratch.store();
}

}  // namespace

TEST_CASE("the released steps of the schema are never changed") {
    // Change no step: add one, and its version here.
    REQUIRE(pwh::store::schema_steps().size() == 2);
}

TEST_CASE("a store of version 1 is brought up to date: it keeps its name and its messages") {
    const Scratch scratch;
    make_store_of_version(scratch.store(), 1);
    std::vector<Mail> mails;
    for (std::size_t number = 0; number < Segment::most_messages + 500; ++number) {
        mails.push_back(mail(number, start_ms + static_cast<std::int64_t>(number)));
    }
    put(scratch.store(), mails);
    const auto reading = refused_by([&] { const EventReader reader(scratch.store()); });
    CHECK(has(reading.message, "earlier pwh"));
    {
        EventStore store(scratch.store(), read_references);
        CHECK(store.last_id() == static_cast<std::int64_t>(mails.size()));
        append(store, mail(1'000'000));
        maintain(store);
    }
    EventReader reader(scratch.store());
    CHECK(reader.store_id() == old_id);
    const auto found = find(reader);
    REQUIRE(found.size() == mails.size() + 1);
    for (std::size_t i = 0; i < mails.size(); ++i) {
        REQUIRE(found[i].received_ms == mails[i].received_ms);
        REQUIRE((found[i].body == mails[i].body));
    }
    pwh::store::EventQuery query;
    query.reference = mails[77].references.front();
    const auto candidates = find(reader, query);
    CHECK(candidates.front().id == 78);
    CHECK(candidates.size() <= 502);  // the last ones are in no segment yet
    Database database(scratch.store(), Database::Mode::read_only);
    CHECK(database.number("PRAGMA user_version") ==
          static_cast<std::int64_t>(pwh::store::schema_steps().size()));
    CHECK(database.number("SELECT count(*) FROM segment") == 1);
    CHECK(integrity(scratch.store()) == "ok");
}

TEST_CASE("an upgrade that fails leaves the store as it was") {
    const Scratch scratch;
    make_store_of_version(scratch.store(), 1);
    put(scratch.store(), {mail(1)});
    {
        Database database(scratch.store(), Database::Mode::read_write);
        database.run("CREATE TABLE segment_tally (other)");  // in the way of step 2
    }
    refused_by([&] { const EventStore store(scratch.store(), read_references); });
    Database database(scratch.store(), Database::Mode::read_write);
    CHECK(database.number("PRAGMA user_version") == 1);
    CHECK(database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'segment'") == 0);
    CHECK(database.number("SELECT count(*) FROM message") == 1);
}

TEST_CASE("a store of a later version is left to the later pwh") {
    const Scratch scratch;
    const auto path = sound(scratch);
    {
        Database database(path, Database::Mode::read_write);
        database.run("PRAGMA user_version = 99");
    }
    const auto why = refused(path);
    CHECK(why.message ==
          "the event store " + path + " was written by a later pwh (version 99 of its format)");
}

TEST_CASE("what is no event store is refused and left as it is") {
    const Scratch scratch;
    const auto path = scratch.store();
    SUBCASE("an empty file") {
        write(path, "");
        const auto why = refused(path);
        CHECK(has(why.message, "is empty"));
        CHECK(has(why.hint, "remove it"));
    }
    SUBCASE("a text") {
        write(path, std::string(10'000, 'x'));
        CHECK(refused(path).kind == DatabaseError::Kind::damaged);
    }
    SUBCASE("a short text") {
        write(path, "[credentials]\n");
        CHECK(refused(path).kind == DatabaseError::Kind::damaged);
    }
    SUBCASE("another program's database") {
        {
            Database database(path, Database::Mode::create);
            database.run("CREATE TABLE message (id); INSERT INTO message VALUES (1)");
        }
        CHECK(has(refused(path).message, "is another program's database"));
    }
}

TEST_CASE("what is no file is refused") {
    const Scratch scratch;
    const auto opening = [](const std::string& path) {
        return refused_by([&path] { const EventStore store(path, read_references); });
    };
    CHECK(has(opening(scratch.folder()).message, "is no file"));
    CHECK(has(opening("/dev/null").message, "is no file"));
    REQUIRE(::mkfifo(scratch.store("fifo").c_str(), 0600) == 0);
    CHECK(has(opening(scratch.store("fifo")).message, "is no file"));
    std::filesystem::create_symlink("nothing", scratch.store("link"));
    CHECK(opening(scratch.store("link")).kind == DatabaseError::Kind::missing);
    CHECK_FALSE(std::filesystem::exists(scratch.store("nothing")));
    const auto folder = opening(scratch.store("no/folder"));
    CHECK(has(folder.message, "cannot be made: No such file or directory"));
    const auto none = refused_by([&] { const EventReader reader(scratch.store("none")); });
    CHECK(none.kind == DatabaseError::Kind::missing);
    CHECK(has(none.hint, "pwh listen --store"));
    CHECK_FALSE(std::filesystem::exists(scratch.store("none")));
}

TEST_CASE("a symbolic link to a store is followed") {
    const Scratch scratch;
    const auto path = sound(scratch, 3);
    std::filesystem::create_symlink("events.db", scratch.store("link"));
    {
        EventStore store(scratch.store("link"), read_references);
        append(store, mail(100));
    }
    CHECK(std::filesystem::is_symlink(scratch.store("link")));
    CHECK(stored(path).size() == 4);
}

TEST_CASE("a truncated store is refused") {
    const Scratch scratch;
    const auto path = sound(scratch);
    const auto whole = content(path);
    REQUIRE(whole.size() > 40'000);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{99}, std::size_t{512}, std::size_t{4095}, std::size_t{4096},
          std::size_t{20'000}, whole.size() - 4096}) {
        CAPTURE(size);
        write(path, whole.substr(0, size));
        CHECK(refused(path).kind == DatabaseError::Kind::damaged);
    }
}

TEST_CASE("a damaged store is refused") {
    const Scratch scratch;
    const auto path = sound(scratch);
    const auto whole = content(path);
    const auto pages = whole.size() / 4096;
    for (std::size_t page = 0; page < pages; ++page) {
        if (page == 1) continue;  // where pages are is told there: a hint for what is moved
        CAPTURE(page);
        auto damaged = whole;
        damaged.replace(page * 4096, 64, 64, '\x5a');
        write(path, damaged);
        const auto before = content(path);
        const auto why = refused_by([&path] { const EventStore store(path, read_references); });
        CHECK(why.kind == DatabaseError::Kind::damaged);
        CHECK((content(path) == before));
    }
}

TEST_CASE("a store that has lost its name, or its tables, is refused") {
    const Scratch scratch;
    const auto path = sound(scratch);
    const auto change = [&path](const std::string& sql) {
        Database database(path, Database::Mode::read_write);
        database.run(sql);
    };
    SUBCASE("name") {
        change("DELETE FROM meta");
        CHECK(has(refused(path).message, "has lost its name"));
    }
    SUBCASE("table") {
        change("DROP TABLE segment");
        CHECK(refused(path).kind == DatabaseError::Kind::damaged);
    }
}

TEST_CASE("a store that this user can't write is refused, and can be read") {
    const Scratch scratch;
    const auto path = sound(scratch, 3);
    REQUIRE(::chmod(path.c_str(), 0444) == 0);
    REQUIRE(::chmod(scratch.folder().c_str(), 0555) == 0);
    {
        const Unprivileged unprivileged;
        if (!unprivileged) return;
        const auto why = refused_by([&path] { const EventStore store(path, read_references); });
        CHECK(why.kind == DatabaseError::Kind::readonly);
        CHECK(has(why.hint, "writable"));
        const auto none = scratch.store("new.db");
        const auto making = refused_by([&none] { create_event_store(none); });
        CHECK(making.kind == DatabaseError::Kind::readonly);
        CHECK(has(making.message, "cannot be made: Permission denied"));
    }
    REQUIRE(::chmod(scratch.folder().c_str(), 0755) == 0);
    CHECK(scratch.files() == std::vector<std::string>{"events.db"});
}

TEST_CASE("what a store that is gone left behind is not taken for a new one's") {
    const Scratch scratch;
    const auto path = scratch.store();
    for (const std::string suffix : {"-wal", "-journal"}) {
        write(path + suffix, "the latest events");
        const auto why = refused_by([&path] { const EventStore store(path, read_references); });
        CHECK(why.message == fmt::format("the event store {} is gone, and {}{} is still there",
                                         path, path, suffix));
        CHECK_FALSE(std::filesystem::exists(path));
        CHECK(content(path + suffix) == "the latest events");
        std::filesystem::remove(path + suffix);
    }
    CHECK(sound(scratch, 1) == path);
}

TEST_CASE("a store is never made over something") {
    const Scratch scratch;
    write(scratch.store(), "something");
    create_event_store(scratch.store());
    CHECK(content(scratch.store()) == "something");
    CHECK(scratch.files() == std::vector<std::string>{"events.db"});
}

TEST_CASE("every store has a name of its own") {
    const Scratch scratch;
    sound(scratch, 0);
    { const EventStore other(scratch.store("other"), read_references); }
    const auto one = EventReader(scratch.store()).store_id();
    const auto other = EventReader(scratch.store("other")).store_id();
    CHECK(one.size() == 32);
    CHECK(one.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(one != other);
}
