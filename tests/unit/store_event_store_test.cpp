// SPDX-License-Identifier: Apache-2.0
#include "store/event_store.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store_scratch.hpp"

using namespace pwh::store_test;
using pwh::receiver::read_references;
using pwh::store::EventReader;
using pwh::store::EventStore;
using pwh::store::Segment;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
constexpr std::int64_t hour_ms = 3'600'000;

std::vector<std::int64_t> ids_in(const std::string& path) {
    std::vector<std::int64_t> ids;
    for (const auto& each : stored(path)) ids.push_back(each.id);
    return ids;
}

std::vector<Mail> mails(std::size_t first, std::size_t count, std::int64_t received_ms = start_ms) {
    std::vector<Mail> made;
    for (auto number = first; number < first + count; ++number) {
        made.push_back(mail(number, received_ms));
    }
    return made;
}

}  // namespace

TEST_CASE("a new store is one file, for its owner alone, and empty") {
    const Scratch scratch;
    {
        const EventStore store(scratch.store(), read_references);
        CHECK(store.last_id() == 0);
        EventReader reader(scratch.store());
        CHECK(reader.last_id() == 0);
        CHECK(find(reader).empty());
        CHECK_FALSE(reader.newest_ms());
    }
    CHECK(scratch.files() == std::vector<std::string>{"events.db"});
    struct stat info {};
    REQUIRE(::stat(scratch.store().c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600);
    CHECK(info.st_nlink == 1);
}

TEST_CASE("a body comes back byte for byte") {
    const Scratch scratch;
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
    std::vector<std::string> bodies{
        "",         std::string(1, '\0'), "{}",      std::string("a\0b", 3),
        every_byte, "\xff\xfe",           "'; DROP", std::string(std::size_t{1} << 20U, '\0')};
    bodies.push_back(std::string((std::size_t{1} << 20U) - 256, 'x') + every_byte);
    {
        EventStore store(scratch.store(), read_references);
        for (const auto& body : bodies) {
            Mail mail;
            mail.received_ms = start_ms;
            mail.body = body;
            append(store, mail);
        }
    }
    const auto found = stored(scratch.store());
    REQUIRE(found.size() == bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        CAPTURE(i);
        CHECK((found[i].body == bodies[i]));
        CHECK((found[i].message_id == pwh::crypto::sha256(bodies[i])));
        CHECK(found[i].received_ms == start_ms);
    }
    CHECK(integrity(scratch.store()) == "ok");
}

TEST_CASE("ids go on, and none is used again, also when all messages were removed") {
    const Scratch scratch;
    {
        EventStore store(scratch.store(), read_references);
        append(store, mails(1, 3));
        append(store, mails(4, 1));
        CHECK(store.last_id() == 4);
    }
    {
        EventStore store(scratch.store(), read_references);
        CHECK(store.last_id() == 4);
        append(store, mails(5, 2));
        CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
        maintain(store, start_ms + 1);
        CHECK(ids_in(scratch.store()).empty());
    }
    for (std::int64_t id = 7; id < 10; ++id) {
        EventStore store(scratch.store(), read_references);
        CHECK(store.last_id() == id - 1);
        CHECK(EventReader(scratch.store()).last_id() == id - 1);
        append(store, mail(static_cast<std::size_t>(id)));
        CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{id});
        maintain(store, start_ms + 1);
    }
    CHECK(integrity(scratch.store()) == "ok");
}

TEST_CASE("the latest messages' ids are known after a restart, oldest first") {
    const Scratch scratch;
    const auto sent = mails(1, 50);
    { const EventStore made(scratch.store(), read_references); }
    {
        EventStore store(scratch.store(), read_references);
        append(store, sent);
    }
    EventStore store(scratch.store(), read_references);
    const auto latest = [&store](std::size_t count) {
        std::vector<pwh::crypto::Digest> ids;
        store.latest(count, [&ids](const pwh::crypto::Digest& id) { ids.push_back(id); });
        return ids;
    };
    CHECK(latest(0).empty());
    CHECK(latest(1000).size() == 50);
    const auto three = latest(3);
    REQUIRE(three.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK((three[i] == pwh::crypto::sha256(sent[47 + i].body)));
    }
}

TEST_CASE("a store has one writer, and its readers don't mind") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    append(store, mail(1));
    try {
        const EventStore other(scratch.store(), read_references);
        FAIL("a second writer");
    } catch (const pwh::Error& error) {
        CHECK(error.code() == pwh::ExitCode::failure);
        CHECK(std::string(error.what()) ==
              "another pwh listen writes to the event store " + scratch.store());
    }
    append(store, mail(2));
    CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("a writer that ended leaves the store to the next") {
    const Scratch scratch;
    { const EventStore store(scratch.store(), read_references); }
    { const EventStore store(scratch.store(), read_references); }
    CHECK(integrity(scratch.store()) == "ok");
}

TEST_CASE("a clock that goes back or jumps changes no order") {
    const Scratch scratch;
    const std::vector<std::int64_t> times{
        start_ms, start_ms - hour_ms,       start_ms + 5, 0,
        -1,       start_ms + 100 * hour_ms, start_ms + 1, start_ms};
    {
        EventStore store(scratch.store(), read_references);
        for (std::size_t i = 0; i < times.size(); ++i) append(store, mail(i, times[i]));
    }
    EventReader reader(scratch.store());
    const auto found = find(reader);
    REQUIRE(found.size() == times.size());
    for (std::size_t i = 0; i < times.size(); ++i) CHECK(found[i].received_ms == times[i]);
    CHECK(reader.newest_ms() == start_ms);
}

TEST_CASE("what is too old is removed, up to the first that is not") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    for (std::int64_t i = 0; i < 100; ++i) {
        append(store, mail(static_cast<std::size_t>(i), start_ms + i));
    }
    CHECK_FALSE(store.maintain(start_ms));
    CHECK(ids_in(scratch.store()).size() == 100);
    maintain(store, start_ms + 40);
    CHECK(ids_in(scratch.store()).front() == 41);
    maintain(store);
    CHECK(ids_in(scratch.store()).size() == 60);
    // Received while the clock was wrong: its turn comes with its neighbours'.
    append(store, mail(1000, start_ms - 1000 * hour_ms));
    append(store, mail(1001, start_ms + 200));
    maintain(store, start_ms + 40);
    CHECK(ids_in(scratch.store()).size() == 62);
    maintain(store, start_ms + 100);
    CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{102});
    maintain(store, start_ms + 201);
    CHECK(ids_in(scratch.store()).empty());
    append(store, mail(1002, start_ms + 300));
    maintain(store, start_ms + 300);
    CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{103});
}

TEST_CASE("a store that was closed for long is cleaned up in steps, and the file shrinks") {
    const Scratch scratch;
    constexpr std::size_t count = 2 * Segment::most_messages + 1000;
    {
        EventStore store(scratch.store(), read_references);
        append(store, mails(0, count, start_ms));
        for (const std::int64_t hour : {0, 1, 2, 3}) {
            store.add_refusals(start_ms / hour_ms + hour, {{"signature", 1}});
        }
        while (store.maintain(std::nullopt)) {
        }
        store.maintain(std::nullopt);
        append(store, mails(count, 10, start_ms + 2 * hour_ms));
    }
    const auto before = std::filesystem::file_size(scratch.store());
    {
        EventStore store(scratch.store(), read_references);
        std::size_t steps = 0;
        std::size_t more = 0;
        while (store.maintain(start_ms + 2 * hour_ms)) {
            // What comes meanwhile is stored as ever.
            if (++steps % 8 == 0) {
                append(store, mail(count + 1000 + ++more, start_ms + 2 * hour_ms));
            }
        }
        CHECK(ids_in(scratch.store()).size() == 10 + more);
        CHECK(steps > 4);
        CHECK(ids_in(scratch.store()).front() == static_cast<std::int64_t>(count) + 1);
        CHECK(EventReader(scratch.store()).refusals(0).at("signature") == 2);
    }
    const auto after = std::filesystem::file_size(scratch.store());
    CHECK(after < before / 2);
    CHECK(integrity(scratch.store()) == "ok");
    pwh::store::Database database(scratch.store(), pwh::store::Database::Mode::read_only);
    for (const char* table : {"segment", "segment_reference", "segment_source", "segment_tally"}) {
        CAPTURE(table);
        // Of a segment that has messages left.
        CHECK(database.number(fmt::format("SELECT count(*) FROM {}", table)) <=
              static_cast<std::int64_t>(Segment::buckets));
    }
}

TEST_CASE("messages are indexed once there are enough, and after a restart, too") {
    const Scratch scratch;
    const auto segments = [&scratch] {
        pwh::store::Database database(scratch.store(), pwh::store::Database::Mode::read_only);
        return database.number("SELECT count(*) FROM segment");
    };
    {
        EventStore store(scratch.store(), read_references);
        append(store, mails(0, Segment::most_messages - 1));
        maintain(store);
        CHECK(segments() == 0);
    }
    {
        EventStore store(scratch.store(), read_references);
        append(store, mails(100'000, 2));
        maintain(store);
        CHECK(segments() == 1);
        append(store, mails(200'000, 5));
    }
    {
        EventStore store(scratch.store(), read_references);
        maintain(store);
        CHECK(segments() == 1);
    }
    pwh::store::Database database(scratch.store(), pwh::store::Database::Mode::read_only);
    CHECK(database.number("SELECT first FROM segment") == 1);
    CHECK(database.number("SELECT last FROM segment") ==
          static_cast<std::int64_t>(Segment::most_messages));
    CHECK(database.number("SELECT sum(messages) FROM segment_tally") ==
          static_cast<std::int64_t>(Segment::most_messages));
}

TEST_CASE("refusals are counted by hour and reason") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    store.add_refusals(100, {{"signature", 2}, {"too-large", 1}});
    store.add_refusals(100, {{"signature", 3}});
    store.add_refusals(102, {{"signature", 4}});
    EventReader reader(scratch.store());
    using Counts = std::map<std::string, std::uint64_t>;
    CHECK(reader.refusals(0) == Counts{{"signature", 9}, {"too-large", 1}});
    CHECK(reader.refusals(101) == Counts{{"signature", 4}});
    CHECK(reader.refusals(103).empty());
}

TEST_CASE("names of triggers and subscriptions are any text") {
    const Scratch scratch;
    const std::vector<std::string> names{"", "MOVED", "a b", "ä", "'", std::string(300, 'x')};
    {
        EventStore store(scratch.store(), read_references);
        std::size_t number = 0;
        for (const auto& trigger : names) {
            for (const auto& subscription : names) {
                auto each = mail(++number);
                each.trigger = trigger;
                each.subscription = subscription;
                append(store, each);
                append(store, each);
            }
        }
    }
    EventReader reader(scratch.store());
    for (const auto& trigger : names) {
        CAPTURE(trigger);
        pwh::store::EventQuery query;
        query.triggers = {trigger};
        CHECK(find(reader, query).size() == 2 * names.size());
    }
}

TEST_CASE("the event view shows each event to those who ask in SQL") {
    const Scratch scratch;
    {
        EventStore store(scratch.store(), read_references);
        auto first = mail(1);
        first.references = {"a", "b"};
        first.make_body(1);
        append(store, first);
        Mail odd;
        odd.body = "no JSON";
        append(store, odd);
    }
    sqlite3* shell = nullptr;
    REQUIRE(sqlite3_open(scratch.store().c_str(), &shell) == SQLITE_OK);
    std::string rows;
    const auto take = [](void* into, int, char** values, char**) {
        *static_cast<std::string*>(into) +=
            fmt::format("{}/{}/{};", values[0], values[1], values[2]);
        return 0;
    };
    CHECK(sqlite3_exec(shell, "SELECT message, position, entity_ref FROM event", take, &rows,
                       nullptr) == SQLITE_OK);
    CHECK(rows == "1/0/a;1/1/b;");
    CHECK(sqlite3_close(shell) == SQLITE_OK);
}

TEST_CASE("probe() writes, and changes no message") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    append(store, mail(1));
    store.probe();
    store.probe();
    CHECK(ids_in(scratch.store()) == std::vector<std::int64_t>{1});
}
