// SPDX-License-Identifier: Apache-2.0
#include "receiver/follower.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "base/file.hpp"
#include "store_scratch.hpp"

using namespace pwh::store_test;
using namespace std::chrono_literals;
using pwh::Diagnostics;
using pwh::receiver::Follower;
using pwh::receiver::LineFormat;
using pwh::receiver::read_references;
using pwh::store::EventStore;
using pwh::store::NewMessage;

namespace {

constexpr auto patience = 60s;

class Pipe {
  public:
    Pipe() {
        int ends[2] = {-1, -1};
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        read_.reset(ends[0]);
        write_.reset(ends[1]);
    }

    int in() const { return write_.get(); }
    void close_reader() { read_.reset(); }
    void close_writer() { write_.reset(); }

    /// Until so many lines are there.
    std::string lines(std::size_t count) {
        std::string text;
        const auto end = std::chrono::steady_clock::now() + patience;
        while (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) < count) {
            REQUIRE(std::chrono::steady_clock::now() < end);
            struct pollfd poller {
                read_.get(), POLLIN, 0
            };
            if (::poll(&poller, 1, 100) <= 0) continue;
            char bytes[4096];
            const auto size = ::read(read_.get(), bytes, sizeof bytes);
            REQUIRE(size > 0);
            text.append(bytes, static_cast<std::size_t>(size));
        }
        return text;
    }
    bool empty() const {
        struct pollfd poller {
            read_.get(), POLLIN, 0
        };
        return ::poll(&poller, 1, 0) == 0;
    }

  private:
    pwh::UniqueFd read_;
    pwh::UniqueFd write_;
};

/// A store, what is printed of it, and what is said.
struct Setting {
    Scratch scratch;
    EventStore store{scratch.store(), read_references};
    Pipe out;
    std::string log = scratch.store("log");
    pwh::UniqueFd log_fd{::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)};
    Diagnostics diagnostics{log_fd.get()};
    std::unique_ptr<Follower> follower;

    Setting() { std::signal(SIGPIPE, SIG_IGN); }

    void follow(LineFormat format = LineFormat::message) {
        follower = std::make_unique<Follower>(scratch.store(), store.last_id(), format, out.in(),
                                              diagnostics);
    }
    /// A follower that keeps up prints what it is given here; the others it reads in the store.
    void commit(const Mail& mail, bool given = true) {
        append(store, mail);
        NewMessage message;
        message.received_ms = mail.received_ms;
        message.message_id = pwh::crypto::sha256(mail.body);
        message.body = mail.body;
        const std::span messages(&message, given ? 1 : 0);
        follower->committed(messages, store.last_id());
    }
    void wait_finished() const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!follower->finished()) {
            REQUIRE(std::chrono::steady_clock::now() < end);
            std::this_thread::sleep_for(1ms);
        }
    }
};

}  // namespace

TEST_CASE("what is committed is printed, in order; what was there before is not") {
    Setting setting;
    std::function<bool(std::size_t)> given;
    SUBCASE("given all") {
        given = [](std::size_t) { return true; };
    }
    SUBCASE("given none") {
        given = [](std::size_t) { return false; };
    }
    SUBCASE("given some") {
        given = [](std::size_t number) { return number % 7 < 4; };
    }
    append(setting.store, mail(1));
    setting.follow();
    CHECK(setting.follower->finished());
    std::string expected;
    for (std::size_t number = 2; number < 100; ++number) {
        setting.commit(mail(number), given(number));
        expected += mail(number).body + "\n";
    }
    CHECK(setting.out.lines(98) == expected);
    setting.wait_finished();
    setting.follower->finish();
    CHECK(setting.out.empty());
    CHECK(content(setting.log).empty());
}

TEST_CASE("a line tells when its event was received") {
    Setting setting;
    setting.follow(LineFormat::event);
    auto two = mail(7, 1'700'000'000'123);
    two.references = {"a", "b"};
    two.make_body(7);
    setting.commit(two);
    setting.commit(two, false);
    const auto lines = setting.out.lines(4);
    CHECK(lines.starts_with(R"({"receivedAt":"2023-11-14T22:13:20.123Z","messageId":")"));
    CHECK(lines.substr(0, lines.size() / 2) == lines.substr(lines.size() / 2));
    CHECK(lines.find(R"("entityRef":"b"})") != std::string::npos);
}

TEST_CASE("what holds no events prints nothing, and is done") {
    Setting setting;
    setting.follow(LineFormat::event);
    Mail none;
    none.body = R"({"events":[]})";
    setting.commit(none);
    setting.wait_finished();
    CHECK(setting.out.empty());
}

TEST_CASE("what was removed before its turn holds nothing up") {
    Setting setting;
    setting.follow();
    append(setting.store, mail(1, 1000));
    append(setting.store, mail(2, 1000));
    maintain(setting.store, 2000);
    setting.follower->committed({}, setting.store.last_id());
    setting.wait_finished();
    setting.commit(mail(3, 3000));
    CHECK(setting.out.lines(1) == mail(3, 3000).body + "\n");
}

TEST_CASE("a reader that is slow gets everything, and holds nobody up") {
    Setting setting;
    setting.follow();
    std::string expected;
    for (std::size_t number = 0; number < 100; ++number) {  // ten times what a pipe holds
        auto each = mail(number);
        each.body.insert(each.body.size() - 1, std::string(8000, ' '));
        setting.commit(each);
        expected += each.body + "\n";
    }
    CHECK_FALSE(setting.follower->finished());
    CHECK((setting.out.lines(100) == expected));
    setting.wait_finished();
}

TEST_CASE("what is not printed in time is said") {
    Setting setting;
    setting.follow();
    for (std::size_t number = 0; number < 4; ++number) {
        auto each = mail(number);
        each.body.insert(each.body.size() - 1, std::string(200'000, ' '));
        setting.commit(each);
    }
    setting.follower->finish();
    const auto log = content(setting.log);
    CHECK(log.find("stored messages were not printed in time\nhint: pwh events prints them\n") !=
          std::string::npos);
    CHECK(std::count(log.begin(), log.end(), '\n') == 2);
}

TEST_CASE("a stdout that is closed is one warning, and nothing waits for it") {
    Setting setting;
    setting.follow();
    setting.commit(mail(1));
    CHECK(setting.out.lines(1) == mail(1).body + "\n");
    setting.out.close_reader();
    for (std::size_t number = 2; number < 20; ++number) {
        setting.commit(mail(number));
        setting.wait_finished();
    }
    setting.follower->finish();
    CHECK(content(setting.log) ==
          "pwh: warning: stdout is closed: events are stored, and no longer printed\n"
          "hint: pwh events prints them\n");
    CHECK(stored(setting.scratch.store()).size() == 19);
}
