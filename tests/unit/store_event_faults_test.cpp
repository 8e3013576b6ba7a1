// SPDX-License-Identifier: Apache-2.0
// What the event store does when the disk fails at any of its operations, or the power goes.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store_fault_disk.hpp"
#include "store_scratch.hpp"

using namespace pwh::store_test;
using pwh::store::EventStore;
using pwh::store::Segment;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
constexpr std::size_t batches = 6;
constexpr std::size_t batch_size = 3;

/// A batch's messages fill a segment each, so that the index is written, too.
std::size_t full_segments(std::string_view, std::vector<std::uint64_t>&) {
    return Segment::most_events;
}

std::vector<Mail> batch_of(std::size_t batch) {
    std::vector<Mail> mails;
    for (std::size_t i = 0; i < batch_size; ++i) {
        const auto number = batch * batch_size + i;
        mails.push_back(mail(number, start_ms + static_cast<std::int64_t>(number)));
        mails.back().subscription = fmt::format("s{}", batch / 2);
        if (i == 1) mails.back().body += std::string(9000, ' ');  // over several pages
    }
    return mails;
}

void append_batch(EventStore& store, const std::vector<Mail>& mails) {
    std::vector<pwh::store::NewMessage> messages;
    static const std::vector<std::uint64_t> keys{1, 2, 3};
    for (const auto& mail : mails) {
        messages.push_back({mail.received_ms, pwh::crypto::sha256(mail.body), mail.trigger,
                            mail.subscription, mail.body, Segment::most_events, &keys});
    }
    store.append(messages);
}

struct Ledger {
    std::set<std::size_t> acknowledged;  ///< batches
    std::set<std::size_t> refused;       ///< and not accepted later on
    int refusals = 0;                    ///< of append(), retried or not
    std::int64_t oldest_ms = 0;          ///< what is older may be gone
};

bool does(const std::function<void()>& action) {
    try {
        action();
        return true;
    } catch (const pwh::Error& error) {
        // It says which file, and never what is in it.
        REQUIRE(std::string(error.what()).find("event store ") != std::string::npos);
        REQUIRE(std::string(error.what()).find("entityRef") == std::string::npos);
        return false;
    }
}

/// What a listen does with a store: all kinds of writing, in any order. A batch that is refused is
/// tried once more when `retry` says so.
void use(const std::string& path, Ledger& ledger, const std::function<bool()>& retry) {
    std::optional<EventStore> store;
    if (!does([&] { store.emplace(path, full_segments); }) &&
        !(retry() && does([&] { store.emplace(path, full_segments); }))) {
        return;
    }
    for (std::size_t batch = 0; batch < batches; ++batch) {
        const auto mails = batch_of(batch);
        bool stored = does([&] { append_batch(*store, mails); });
        if (!stored) {
            ++ledger.refusals;
            if (retry()) {
                stored = does([&] { append_batch(*store, mails); });
                CHECK(stored);
            }
        }
        (stored ? ledger.acknowledged : ledger.refused).insert(batch);
        does([&] { store->add_refusals(1, {{"signature", 1}}); });
        if (batch == 4) ledger.oldest_ms = start_ms + 5;
        does([&] {
            while (store->maintain(ledger.oldest_ms)) {
            }
        });
        does([&] { store->probe(); });
    }
}

/// Each message has the source that it came from.
void check_sources(const std::string& path) {
    std::map<std::string, std::string> expected;
    for (std::size_t batch = 0; batch < batches; ++batch) {
        for (const auto& mail : batch_of(batch)) expected[mail.body] = mail.subscription;
    }
    pwh::store::Database database(path, pwh::store::Database::Mode::read_only);
    pwh::store::Statement rows(
        database, "SELECT body, (SELECT subscription FROM source WHERE id = source) FROM message");
    while (rows.step()) {
        REQUIRE(expected.at(std::string(rows.bytes(0))) == std::string(rows.bytes(1)));
    }
}

/// All that was acknowledged is there, in order and once; nothing is half; the file is sound.
void check(const std::string& path, const Ledger& ledger) {
    const bool exists = std::filesystem::exists(path);
    REQUIRE((exists || ledger.acknowledged.empty()));
    if (!exists) return;
    std::map<std::string, int> times;
    std::int64_t last = 0;
    { const EventStore store(path, full_segments); }  // as the next run opens it
    for (const auto& each : stored(path)) {
        REQUIRE(each.id > last);
        last = each.id;
        ++times[each.body];
    }
    for (std::size_t batch = 0; batch < batches; ++batch) {
        CAPTURE(batch);
        std::vector<int> found;
        for (const auto& mail : batch_of(batch)) {
            if (mail.received_ms >= ledger.oldest_ms) found.push_back(times[mail.body]);
        }
        if (found.empty()) continue;
        REQUIRE(std::all_of(found.begin(), found.end(),
                            [&found](int each) { return each == found.front(); }));
        REQUIRE(found.front() <= 1);
        if (ledger.acknowledged.contains(batch)) REQUIRE(found.front() == 1);
    }
    check_sources(path);
    REQUIRE(integrity(path) == "ok");
}

struct Fault {
    std::string name;
    unsigned operations;
    int code;
};

const std::vector<Fault> faults{
    {"a write fails", FaultDisk::write, SQLITE_IOERR_WRITE},
    {"no room to write", FaultDisk::write, SQLITE_FULL},
    {"a sync fails", FaultDisk::sync, SQLITE_IOERR_FSYNC},
    {"a truncation fails", FaultDisk::truncate, SQLITE_IOERR_TRUNCATE},
    {"a file can't be opened", FaultDisk::open, SQLITE_CANTOPEN},
    {"a file can't be removed", FaultDisk::remove, SQLITE_IOERR_DELETE},
};

}  // namespace

TEST_CASE("a disk that fails once, anywhere: nothing acknowledged is lost, and the store goes on") {
    for (const auto& fault : faults) {
        CAPTURE(fault.name);
        int points = 0;
        int refusals = 0;
        for (bool failed = true; failed; ++points) {
            CAPTURE(points);
            const Scratch scratch(memory_folder());
            FaultDisk disk;
            disk.fail(fault.operations, points + 1, fault.code, false);
            Ledger ledger;
            use(scratch.store(), ledger, [] { return true; });
            failed = disk.failed();
            disk.work();
            REQUIRE(ledger.acknowledged.size() == batches);
            check(scratch.store(), ledger);
            refusals += ledger.refusals;
        }
        MESSAGE(fmt::format("{}: {} points of failure, {} batches refused", fault.name, points - 1,
                            refusals));
        CHECK(points > 1);
    }
}

TEST_CASE(
    "a disk that fails from any operation on: what is refused is never half, and it recovers") {
    for (const auto& fault : faults) {
        CAPTURE(fault.name);
        int points = 0;
        int refusals = 0;
        for (bool failed = true; failed; ++points) {
            CAPTURE(points);
            const Scratch scratch(memory_folder());
            FaultDisk disk;
            disk.fail(fault.operations, points + 1, fault.code, true);
            Ledger ledger;
            use(scratch.store(), ledger, [&ledger, &disk] {
                // After some refusals there is room again.
                if (ledger.refusals < 3) return false;
                disk.work();
                return true;
            });
            failed = disk.failed();
            disk.work();
            refusals += ledger.refusals;
            check(scratch.store(), ledger);
            // The next run works, whatever the last one went through.
            Ledger next;
            use(scratch.store(), next, [] { return false; });
            REQUIRE(next.acknowledged.size() == batches);
            REQUIRE(integrity(scratch.store()) == "ok");
        }
        MESSAGE(fmt::format("{}, and all later ones: {} points, {} batches refused", fault.name,
                            points - 1, refusals));
    }
}

TEST_CASE("the power goes at any write, sync or truncation: what was acknowledged is there") {
    constexpr auto any = FaultDisk::write | FaultDisk::sync | FaultDisk::truncate;
    std::mt19937 random(11);
    int points = 0;
    std::size_t acknowledged = 0;
    for (bool cut = true; cut; ++points) {
        CAPTURE(points);
        const Scratch scratch(memory_folder());
        FaultDisk disk;
        disk.cut_power_at(any, points + 1);
        Ledger ledger;
        use(scratch.store(), ledger, [] { return false; });
        cut = disk.failed();
        disk.lose_what_was_not_synced(random);
        std::filesystem::remove(scratch.store() + "-shm");  // memory
        disk.work();
        acknowledged += ledger.acknowledged.size();
        check(scratch.store(), ledger);
        Ledger next;
        use(scratch.store(), next, [] { return false; });
        REQUIRE(next.acknowledged.size() == batches);
        REQUIRE(integrity(scratch.store()) == "ok");
    }
    MESSAGE(fmt::format("power cut at each of {} operations, {} batches acknowledged before",
                        points - 1, acknowledged));
    CHECK(points > 100);
}

TEST_CASE("the process is killed at any write: what was acknowledged is there") {
    constexpr auto any = FaultDisk::write | FaultDisk::sync | FaultDisk::truncate;
    int points = 0;
    for (bool cut = true; cut; ++points) {
        CAPTURE(points);
        const Scratch scratch(memory_folder());
        FaultDisk disk;
        disk.cut_power_at(any, points + 1);
        Ledger ledger;
        use(scratch.store(), ledger, [] { return false; });
        cut = disk.failed();
        disk.work();
        check(scratch.store(), ledger);
    }
    CHECK(points > 100);
}

TEST_CASE("a large log that fails to be brought into the file") {
    for (const auto& fault : faults) {
        if (fault.code != SQLITE_IOERR_WRITE && fault.code != SQLITE_IOERR_FSYNC) continue;
        CAPTURE(fault.name);
        bool failed = true;
        for (int nth = 1; failed; nth += fault.operations == FaultDisk::write ? 1999 : 1) {
            CAPTURE(nth);
            const Scratch scratch(memory_folder());
            FaultDisk disk;
            std::vector<Mail> sent;
            {
                EventStore store(scratch.store(), pwh::receiver::read_references);
                disk.fail(fault.operations, nth, fault.code, false);
                for (std::size_t number = 0; number < 10; ++number) {
                    auto each = mail(number);
                    each.body += std::string(std::size_t{1} << 20U, ' ');
                    if (!does([&] { append(store, each); })) append(store, each);
                    sent.push_back(each);
                    does([&] { maintain(store); });
                }
            }
            failed = disk.failed();
            const auto found = stored(scratch.store());
            REQUIRE(found.size() == sent.size());
            for (std::size_t i = 0; i < sent.size(); ++i) {
                REQUIRE((found[i].body == sent[i].body));
            }
            REQUIRE(integrity(scratch.store()) == "ok");
        }
    }
}
