// SPDX-License-Identifier: Apache-2.0
#include "commands/line_feed.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pwh::UniqueFd;
using pwh::commands::LineBatch;
using pwh::commands::LineFeed;
using pwh::store::EventPosition;
using Outcome = LineFeed::Outcome;
using Wish = LineFeed::Wish;

namespace {

struct Ends {
    UniqueFd out;
    UniqueFd in;
};

Ends make_pipe() {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Lines of ten bytes, each of a message of its own, from `first` on.
LineBatch lines(std::int64_t first, std::size_t count) {
    LineBatch batch;
    for (std::size_t i = 0; i < count; ++i) {
        batch.text += "123456789\n";
        const auto id = first + static_cast<std::int64_t>(i);
        batch.marks.push_back({batch.text.size(), {id + 1, 0}, static_cast<std::uint64_t>(id)});
    }
    return batch;
}

void read_bytes(int fd, std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        const auto n = ::read(fd, bytes.data() + done, count - done);
        REQUIRE(n > 0);
        done += static_cast<std::size_t>(n);
    }
}

Wish go_on() {
    return Wish::go_on;
}

}  // namespace

TEST_CASE("what lies in a pipe is not taken; nor is a line that is read in part") {
    const auto pipe = make_pipe();
    LineFeed feed(pipe.in.get(), pipe.in.get(), {0, {1, 0}, 0});
    REQUIRE(feed.write(lines(1, 3), go_on) == Outcome::written);
    CHECK(feed.taken().position == EventPosition{1, 0});
    read_bytes(pipe.out.get(), 9);
    CHECK(feed.taken().position == EventPosition{1, 0});
    read_bytes(pipe.out.get(), 1);
    CHECK(feed.taken().position == EventPosition{2, 0});
    CHECK(feed.taken().events == 1);
    read_bytes(pipe.out.get(), 15);
    CHECK(feed.taken().position == EventPosition{3, 0});
    CHECK_FALSE(feed.all_taken());
    read_bytes(pipe.out.get(), 5);
    CHECK(feed.taken().position == EventPosition{4, 0});
    CHECK(feed.all_taken());
}

TEST_CASE("the start counts until something is taken, and marks without text at once") {
    const auto pipe = make_pipe();
    LineFeed feed(pipe.in.get(), pipe.in.get(), {0, {7, 2}, 5});
    CHECK(feed.taken().position == EventPosition{7, 2});
    CHECK(feed.taken().events == 5);
    LineBatch empty;
    empty.marks.push_back({0, {9, 0}, 5});
    REQUIRE(feed.write(empty, go_on) == Outcome::written);
    CHECK(feed.taken().position == EventPosition{9, 0});
    REQUIRE(feed.write(lines(9, 1), go_on) == Outcome::written);
    empty.marks.front().position = {20, 0};
    REQUIRE(feed.write(empty, go_on) == Outcome::written);
    CHECK(feed.taken().position == EventPosition{9, 0});
    read_bytes(pipe.out.get(), 10);
    CHECK(feed.taken().position == EventPosition{20, 0});
}

TEST_CASE("a reader that goes leaves what it has not taken") {
    auto pipe = make_pipe();
    LineFeed feed(pipe.in.get(), pipe.in.get(), {0, {1, 0}, 0});
    REQUIRE(feed.write(lines(1, 100), go_on) == Outcome::written);
    read_bytes(pipe.out.get(), 55);
    CHECK_FALSE(feed.gone(0ms));
    pipe.out.reset();
    CHECK(feed.gone(0ms));
    feed.drain(go_on);
    CHECK(feed.taken().position == EventPosition{6, 0});
    CHECK_FALSE(feed.all_taken());
    CHECK(feed.write(lines(101, 1), go_on) == Outcome::closed);
    CHECK(feed.taken().position == EventPosition{6, 0});
}

TEST_CASE("a full pipe stops when asked to: at once, or at the end of a line") {
    auto pipe = make_pipe();
    REQUIRE(::fcntl(pipe.in.get(), F_SETPIPE_SZ, 4096) == 4096);
    LineFeed feed(pipe.in.get(), pipe.in.get(), {0, {1, 0}, 0});
    int asked = 0;
    CHECK(feed.write(lines(1, 1000), [&asked] {
        return ++asked < 4 ? Wish::go_on : Wish::stop_at_once;
    }) == Outcome::stopped);
    CHECK(asked == 4);
    read_bytes(pipe.out.get(), 4096);
    CHECK(feed.taken().position == EventPosition{410, 0});

    LineFeed second(pipe.in.get(), pipe.in.get(), {0, {1, 0}, 0});
    asked = 0;
    std::jthread reader;
    CHECK(second.write(lines(1, 1000), [&] {
        if (++asked < 4) return Wish::go_on;
        // As soon as there is room, the line is finished.
        reader = std::jthread([&] { read_bytes(pipe.out.get(), 4096); });
        return Wish::stop;
    }) == Outcome::stopped);
    reader.join();
    read_bytes(pipe.out.get(), 4);
    CHECK(second.taken().position == EventPosition{411, 0});
}

TEST_CASE("a slow reader gets everything, once") {
    const auto pipe = make_pipe();
    LineFeed feed(pipe.in.get(), pipe.in.get(), {0, {1, 0}, 0});
    std::jthread reader([&] {
        for (int i = 0; i < 500; ++i) read_bytes(pipe.out.get(), 1000);
    });
    CHECK(feed.write(lines(1, 50'000), go_on) == Outcome::written);
    feed.drain(go_on);
    CHECK(feed.taken().position == EventPosition{50'001, 0});
    CHECK(feed.all_taken());
}

TEST_CASE("a file has taken what was written; a full device has not") {
    char path[] = "/tmp/pwh-unit-XXXXXX";
    const UniqueFd file(::mkstemp(path));
    REQUIRE(file);
    ::unlink(path);
    LineFeed feed(file.get(), file.get(), {0, {1, 0}, 0});
    REQUIRE(feed.write(lines(1, 100), go_on) == Outcome::written);
    CHECK(feed.taken().position == EventPosition{101, 0});
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    LineFeed blocked(full.get(), full.get(), {0, {1, 0}, 0});
    CHECK(blocked.write(lines(1, 100), go_on) == Outcome::failed);
    CHECK(blocked.error() == ENOSPC);
    CHECK(blocked.taken().position == EventPosition{1, 0});
}

TEST_CASE("a socket tells, too, whether all is taken") {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    const UniqueFd ours(fds[0]);
    const UniqueFd theirs(fds[1]);
    LineFeed feed(ours.get(), ours.get(), {0, {1, 0}, 0});
    REQUIRE(feed.write(lines(1, 10), go_on) == Outcome::written);
    CHECK(feed.taken().position == EventPosition{1, 0});
    read_bytes(theirs.get(), 100);
    CHECK(feed.taken().position == EventPosition{11, 0});
}
