// SPDX-License-Identifier: Apache-2.0
#include "base/interrupt.hpp"

#include <atomic>
#include <cstdint>

namespace pwh {

namespace {

using Clock = std::chrono::steady_clock;

// A signal handler may touch only such.
std::atomic<int> noted{0};
std::atomic<Clock::rep> granted_until{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void note_signal(int number) {
    int none = 0;
    if (!noted.compare_exchange_strong(none, number)) end_by_signal(number);
}

}  // namespace

InterruptWatch::InterruptWatch() {
    noted = 0;
    granted_until = 0;
    struct sigaction noting {};
    noting.sa_handler = note_signal;
    sigemptyset(&noting.sa_mask);
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
        ::sigaction(numbers_[i], nullptr, &before_[i]);
        if (before_[i].sa_handler == SIG_DFL) ::sigaction(numbers_[i], &noting, nullptr);
    }
}

InterruptWatch::~InterruptWatch() {
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
        ::sigaction(numbers_[i], &before_[i], nullptr);
    }
    noted = 0;
}

int InterruptWatch::signal() const noexcept {
    return noted;
}

void InterruptWatch::grant(std::chrono::milliseconds time) noexcept {
    granted_until = (Clock::now() + time).time_since_epoch().count();
}

bool interrupted() noexcept {
    return noted != 0 && Clock::now().time_since_epoch().count() >= granted_until;
}

void end_by_signal(int number) noexcept {
    struct sigaction ending {};
    ending.sa_handler = SIG_DFL;
    sigemptyset(&ending.sa_mask);
    ::sigaction(number, &ending, nullptr);
    ::raise(number);
}

}  // namespace pwh
