// SPDX-License-Identifier: Apache-2.0
#include "receiver/writer.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

using namespace std::chrono_literals;
using pwh::receiver::Batch;
using pwh::receiver::Delivery;
using pwh::receiver::Sink;
using pwh::receiver::Writer;

namespace {

constexpr auto patience = 60s;

/// What both threads see; each change wakes who waits.
class Board {
  public:
    template <typename Change>
    void change(Change change) {
        const std::lock_guard lock(mutex_);
        change();
        changed_.notify_all();
    }
    template <typename Condition>
    bool wait(Condition condition) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, condition);
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
};

/// Keeps what is written; its upkeep may hang.
struct SlowSink final : Sink {
    Board board;
    std::string text;
    bool immediate = false;
    bool upkeep_hangs = false;
    int upkeeps = 0;

    std::size_t batch_bytes() const override { return 1 << 20; }
    void interrupt() override {}
    Result write(std::span<const std::shared_ptr<Delivery>> batch) override {
        board.change([&] {
            for (const auto& delivery : batch) text += delivery->lines;
        });
        return {batch.size(), false};
    }
    Immediate write_now(std::span<const std::shared_ptr<Delivery>> batch) override {
        if (!immediate) return {};
        return {write(batch), false};
    }
    std::optional<std::chrono::milliseconds> maintain() override {
        board.change([&] { ++upkeeps; });
        REQUIRE(board.wait([&] { return !upkeep_hangs; }));
        return std::nullopt;
    }
};

struct Setting {
    SlowSink sink;
    int notices = 0;
    Writer writer{sink, [this] { sink.board.change([this] { ++notices; }); }};

    static std::shared_ptr<Delivery> delivery(std::string lines) {
        auto delivery = std::make_shared<Delivery>();
        delivery->bytes = lines.size();
        delivery->lines = std::move(lines);
        return delivery;
    }
    bool noticed(int count) {
        return sink.board.wait([&] { return notices == count; });
    }
};

}  // namespace

TEST_CASE("what is written is collected, in order") {
    Setting setting;
    CHECK_FALSE(setting.writer.submit({Setting::delivery("a\n"), Setting::delivery("b\n")}));
    REQUIRE(setting.noticed(1));
    const auto collected = setting.writer.collect();
    REQUIRE(collected.finished.size() == 2);
    CHECK(collected.finished[0]->lines == "a\n");
    CHECK(collected.finished[1]->state == Delivery::State::safe);
    CHECK(setting.sink.text == "a\nb\n");
}

TEST_CASE("what needs no waiting is safe at once") {
    Setting setting;
    setting.sink.immediate = true;
    const auto one = Setting::delivery("a\n");
    CHECK(setting.writer.submit({one}));
    CHECK(one->state == Delivery::State::safe);
    CHECK(setting.writer.collect().finished.size() == 1);
    CHECK(setting.notices == 0);
}

TEST_CASE("what was abandoned before it was submitted is never said to be safe") {
    Setting setting;
    setting.sink.immediate = true;
    const auto one = Setting::delivery("a\n");
    const auto two = Setting::delivery("b\n");
    CHECK(setting.writer.abandon(*one));
    CHECK_FALSE(setting.writer.submit({one, two}));
    REQUIRE(setting.noticed(1));
    const auto collected = setting.writer.collect();
    REQUIRE(collected.finished.size() == 1);
    CHECK(collected.finished[0] == two);
    CHECK(one->state == Delivery::State::abandoned);
    CHECK(setting.sink.text == "b\n");
}

TEST_CASE(
    "a writer that was held up says that it goes on, although all that waited was abandoned") {
    Setting setting;
    REQUIRE(setting.sink.board.wait([&] { return setting.sink.upkeeps == 1; }));
    setting.sink.board.change([&] { setting.sink.upkeep_hangs = true; });
    CHECK_FALSE(setting.writer.submit({Setting::delivery("a\n")}));
    REQUIRE(setting.noticed(1));
    setting.writer.collect();
    REQUIRE(setting.sink.board.wait([&] { return setting.sink.upkeeps == 2; }));
    const auto late = Setting::delivery("b\n");
    CHECK_FALSE(setting.writer.submit({late}));
    CHECK(setting.writer.abandon(*late));
    CHECK(setting.notices == 1);
    setting.sink.board.change([&] { setting.sink.upkeep_hangs = false; });
    REQUIRE(setting.noticed(2));
    CHECK(setting.writer.collect().finished.empty());
    CHECK(setting.sink.text == "a\n");
}
