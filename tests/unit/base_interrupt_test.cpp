// SPDX-License-Identifier: Apache-2.0
#include "base/interrupt.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {

// One that doctest does not handle itself.
constexpr int number = SIGHUP;

bool in_force(void (*handler)(int)) {
    struct sigaction now {};
    ::sigaction(number, nullptr, &now);
    return now.sa_handler == handler;
}

}  // namespace

TEST_CASE("interrupt: a signal is noted while it is watched for") {
    CHECK_FALSE(pwh::interrupted());
    {
        pwh::InterruptWatch watch;
        CHECK(watch.signal() == 0);
        CHECK_FALSE(pwh::interrupted());
        ::raise(number);
        CHECK(watch.signal() == number);
        CHECK(pwh::interrupted());
        watch.grant(1h);
        CHECK_FALSE(pwh::interrupted());
        watch.grant(0ms);
        CHECK(pwh::interrupted());
    }
    CHECK_FALSE(pwh::interrupted());
    CHECK(in_force(SIG_DFL));
}

TEST_CASE("interrupt: what was ignored stays ignored") {
    struct sigaction ignoring {};
    struct sigaction before {};
    ignoring.sa_handler = SIG_IGN;
    ::sigaction(number, &ignoring, &before);
    {
        const pwh::InterruptWatch watch;
        ::raise(number);
        CHECK(watch.signal() == 0);
        CHECK(in_force(SIG_IGN));
    }
    CHECK(in_force(SIG_IGN));
    ::sigaction(number, &before, nullptr);
}

TEST_CASE("interrupt: the error carries the code that a shell gives") {
    CHECK(static_cast<int>(pwh::Interrupted(SIGINT, "interrupted").code()) == 130);
}
