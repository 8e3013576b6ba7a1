// SPDX-License-Identifier: Apache-2.0
#include "receiver/store_sink.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "store_fault_disk.hpp"
#include "store_scratch.hpp"

using namespace pwh::store_test;
using namespace std::chrono_literals;
using pwh::Diagnostics;
using pwh::receiver::Batch;
using pwh::receiver::Delivery;
using pwh::receiver::read_references;
using pwh::receiver::StoreSink;
using pwh::store::EventReader;
using pwh::store::EventStore;

namespace {

constexpr auto patience = 60s;
const pwh::WallTime noon = pwh::WallTime{} + std::chrono::hours(500'000) + 30min;

struct Setting {
    Scratch scratch;
    FaultDisk disk;
    EventStore store{scratch.store(), read_references};
    std::string log = scratch.store("log");
    pwh::UniqueFd log_fd{::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)};
    Diagnostics diagnostics{log_fd.get()};
    pwh::WallTime now = noon;
    std::vector<std::int64_t> committed;
    StoreSink sink;

    explicit Setting(std::optional<std::chrono::milliseconds> retain = std::nullopt)
        : sink(
              store, retain, diagnostics, [this] { return now; },
              [this](auto messages, std::int64_t last_id) {
                  CHECK_FALSE(messages.empty());
                  committed.push_back(last_id);
              }) {}

    Batch batch(std::size_t first, std::size_t count) const {
        Batch batch;
        for (auto number = first; number < first + count; ++number) {
            const auto sent = mail(number);
            auto delivery = std::make_shared<Delivery>();
            delivery->body = sent.body;
            delivery->events = 1;
            delivery->received = now;
            delivery->message_id = pwh::crypto::sha256(sent.body);
            delivery->trigger = sent.trigger;
            delivery->subscription = sent.subscription;
            read_references(sent.body, delivery->reference_keys);
            batch.push_back(std::move(delivery));
        }
        return batch;
    }

    /// Has the sink look after what can wait until that is so. It looks once a second.
    void maintain_until(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + patience;
        for (;;) {
            sink.maintain();
            if (done()) return;
            REQUIRE(std::chrono::steady_clock::now() < end);
            std::this_thread::sleep_for(20ms);
        }
    }
    std::size_t said(const std::string& text) const {
        const auto all = content(log);
        std::size_t count = 0;
        for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + 1))
            ++count;
        return count;
    }
};

}  // namespace

TEST_CASE("the references of a body") {
    const auto keys_of = [](const std::string& body, std::size_t events) {
        std::vector<std::uint64_t> keys;
        CHECK(read_references(body, keys) == events);
        return keys;
    };
    const auto a = pwh::store::reference_key("a");
    const auto b = pwh::store::reference_key("b");
    CHECK(keys_of(R"({"events":[{"entityRef":"a"},{"entityRef":"https:\/\/h\/b"}]})", 2) ==
          std::vector{a, b});
    CHECK(keys_of(R"({"events":[{"entityRef":1},{"x":2},3]})", 3).empty());
    CHECK(keys_of(R"({"entityRef":"a"})", 1) == std::vector{a});
    CHECK(keys_of(R"({"events":[]})", 0).empty());
    CHECK(keys_of("no JSON", 0).empty());
    CHECK(keys_of("", 0).empty());
}

TEST_CASE("a batch is safe when it is stored, and the newest id is told") {
    Setting setting;
    CHECK_FALSE(setting.sink.needs_lines());
    const auto result = setting.sink.write(setting.batch(1, 5));
    CHECK(result.safe == 5);
    CHECK_FALSE(result.closed);
    CHECK(setting.committed == std::vector<std::int64_t>{5});
    const auto found = stored(setting.scratch.store());
    REQUIRE(found.size() == 5);
    CHECK(found[4].body == mail(5).body);
    CHECK(found[4].received_ms ==
          std::chrono::floor<std::chrono::milliseconds>(noon).time_since_epoch().count());
    CHECK(content(setting.log).empty());
}

TEST_CASE("a store that fails: nothing is safe, one warning, and on when it works again") {
    Setting setting;
    setting.sink.write(setting.batch(1, 1));
    setting.disk.fail(FaultDisk::write, 1, SQLITE_FULL, true);
    for (int time = 0; time < 5; ++time) {
        const auto result = setting.sink.write(setting.batch(2, 3));
        CHECK(result.safe == 0);
        CHECK_FALSE(result.closed);
        CHECK_FALSE(setting.sink.accepting());
        CHECK(setting.sink.maintain() == std::chrono::milliseconds(1000));
    }
    CHECK(setting.said("events can't be stored, and are answered 503: the event store") == 1);
    CHECK(setting.said("hint: make room on its disk") == 1);
    CHECK(setting.committed == std::vector<std::int64_t>{1});
    SUBCASE("the next batch tells") {
        setting.disk.work();
        CHECK(setting.sink.write(setting.batch(2, 3)).safe == 3);
        CHECK(setting.sink.accepting());
        CHECK(stored(setting.scratch.store()).size() == 4);
        CHECK(setting.committed == std::vector<std::int64_t>{1, 4});
    }
    SUBCASE("nobody sends anything") {
        setting.maintain_until([&] { return setting.said("warning") == 1; });
        CHECK_FALSE(setting.sink.accepting());
        setting.disk.work();
        setting.maintain_until([&] { return setting.sink.accepting(); });
    }
    CHECK(setting.said("works again") == 1);
    CHECK(setting.said("warning") == 1);
}

TEST_CASE("what fails while the store is tidied up costs no event, and is said once") {
    Setting setting;
    setting.sink.note_refusals({{"signature", 1}});
    setting.disk.fail(FaultDisk::write, 1, SQLITE_IOERR_WRITE, true);
    setting.maintain_until([&] { return setting.said("warning") > 0; });
    CHECK(setting.sink.accepting());
    CHECK(setting.said("the event store can't be tidied up") == 1);
    const auto end = std::chrono::steady_clock::now() + 2500ms;
    setting.maintain_until([&] { return std::chrono::steady_clock::now() > end; });
    CHECK(setting.said("pwh: ") == 1);
    setting.disk.work();
    setting.maintain_until(
        [&] { return EventReader(setting.scratch.store()).refusals(0).contains("signature"); });
    CHECK(setting.sink.write(setting.batch(1, 1)).safe == 1);
}

TEST_CASE("refusals are counted in the hour in which they are seen, and once") {
    Setting setting;
    const auto refusals = [&setting](std::int64_t hour) {
        return EventReader(setting.scratch.store()).refusals(hour);
    };
    using Counts = std::map<std::string, std::uint64_t>;
    setting.sink.note_refusals({{"signature", 3}});
    setting.maintain_until([&] { return !refusals(0).empty(); });
    CHECK(refusals(500'000) == Counts{{"signature", 3}});
    setting.now = noon + 1h;
    setting.sink.note_refusals({{"signature", 4}, {"path", 1}});
    setting.sink.finish();
    setting.sink.finish();
    CHECK(refusals(500'001) == Counts{{"path", 1}, {"signature", 1}});
    CHECK(refusals(0) == Counts{{"path", 1}, {"signature", 4}});
}

TEST_CASE("a store that fails at the end is a warning") {
    Setting setting;
    setting.sink.note_refusals({{"signature", 3}});
    setting.disk.fail(FaultDisk::write, 1, SQLITE_FULL, true);
    setting.sink.finish();
    CHECK(setting.said("pwh: warning: refused requests were not counted: the event store") == 1);
}

TEST_CASE("what is older than --retain is removed") {
    Setting setting(std::chrono::hours(48));
    setting.sink.write(setting.batch(1, 4));
    setting.now = noon + 24h;
    setting.sink.write(setting.batch(5, 2));
    const auto count = [&setting] { return stored(setting.scratch.store()).size(); };
    setting.now = noon + 48h;
    setting.maintain_until([] { return true; });
    CHECK(count() == 6);
    setting.now = noon + 48h + 1ms;
    setting.maintain_until([&] { return count() == 2; });
    // A clock that went back removes nothing.
    setting.now = noon - 1000h;
    setting.sink.write(setting.batch(7, 1));
    setting.maintain_until([] { return true; });
    CHECK(count() == 3);
    setting.now = noon + 1000h;
    setting.maintain_until([&] { return count() == 0; });
}
