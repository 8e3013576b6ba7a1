// SPDX-License-Identifier: Apache-2.0
#include "receiver/stdout_sink.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"

using pwh::UniqueFd;
using pwh::receiver::Batch;
using pwh::receiver::Delivery;
using pwh::receiver::StdoutSink;

namespace {

/// A pipe of one page, and what a sink writes into it.
struct Setting {
    UniqueFd out;
    UniqueFd in;
    std::unique_ptr<StdoutSink> sink;

    Setting() {
        std::signal(SIGPIPE, SIG_IGN);
        int ends[2] = {-1, -1};
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        out.reset(ends[0]);
        in.reset(ends[1]);
        REQUIRE(::fcntl(in.get(), F_SETPIPE_SZ, 4096) == 4096);
        sink = std::make_unique<StdoutSink>(in.get());
    }

    std::string read(std::size_t size) const {
        std::string text(size, '\0');
        std::size_t got = 0;
        while (got < size) {
            const auto n = ::read(out.get(), text.data() + got, size - got);
            REQUIRE(n > 0);
            got += static_cast<std::size_t>(n);
        }
        return text;
    }
};

Batch batch(const std::vector<std::string>& lines) {
    Batch batch;
    for (const auto& line : lines) {
        batch.push_back(std::make_shared<Delivery>());
        batch.back()->lines = line;
    }
    return batch;
}

std::string line(std::size_t size, char letter) {
    return std::string(size - 1, letter) + "\n";
}

}  // namespace

TEST_CASE("what finds room is safe at once") {
    const Setting setting;
    const auto two = batch({line(10, 'a'), line(20, 'b')});
    const auto now = setting.sink->write_now(two);
    CHECK(now.result.safe == 2);
    CHECK_FALSE(now.begun);
    CHECK(setting.read(30) == line(10, 'a') + line(20, 'b'));
}

TEST_CASE("what found half its room is finished by the next write, and no byte comes twice") {
    const Setting setting;
    const auto three = batch({line(3000, 'a'), line(3000, 'b'), line(3000, 'c')});
    const auto now = setting.sink->write_now(three);
    CHECK(now.result.safe == 1);
    CHECK(now.begun);
    std::string text;
    std::thread reader([&] { text = setting.read(9000); });
    const auto rest = setting.sink->write(std::span(three).subspan(1));
    reader.join();
    CHECK(rest.safe == 2);
    CHECK((text == line(3000, 'a') + line(3000, 'b') + line(3000, 'c')));
    CHECK(setting.sink->write_now(batch({line(10, 'd')})).result.safe == 1);
    CHECK(setting.read(10) == line(10, 'd'));
}

TEST_CASE("the same for one that is finished alone") {
    const Setting setting;
    const auto two = batch({line(3000, 'a'), line(3000, 'b')});
    CHECK(setting.sink->write_now(two).begun);
    std::string text;
    std::thread reader([&] { text = setting.read(6000); });
    CHECK(setting.sink->write(std::span(two).subspan(1)).safe == 1);
    reader.join();
    CHECK((text == line(3000, 'a') + line(3000, 'b')));
}

TEST_CASE("a pipe that is full, and a message longer than a batch, are left to the writer") {
    const Setting setting;
    CHECK(setting.sink->write_now(batch({line(4096, 'a')})).result.safe == 1);
    const auto full = setting.sink->write_now(batch({line(10, 'b')}));
    CHECK(full.result.safe == 0);
    CHECK_FALSE(full.begun);
    CHECK_FALSE(full.result.closed);
    CHECK(setting.read(4096) == line(4096, 'a'));
    const auto large = setting.sink->write_now(batch({line(100'000, 'c')}));
    CHECK(large.result.safe == 0);
    CHECK_FALSE(large.begun);
}

TEST_CASE("a pipe without a reader is closed") {
    Setting setting;
    setting.out.reset();
    const auto now = setting.sink->write_now(batch({line(10, 'a')}));
    CHECK(now.result.closed);
    CHECK(now.result.safe == 0);
}

TEST_CASE("a file, which may make who writes wait, is the writer's alone") {
    const UniqueFd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(file);
    StdoutSink sink(file.get());
    CHECK(sink.write_now(batch({line(10, 'a')})).result.safe == 0);
    CHECK(sink.write(batch({line(10, 'a')})).safe == 1);
}
