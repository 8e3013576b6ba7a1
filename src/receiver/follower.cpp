// SPDX-License-Identifier: Apache-2.0
#include "receiver/follower.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/thread.hpp"
#include "text/hex.hpp"
#include "text/time.hpp"

namespace pwh::receiver {

namespace {

constexpr std::chrono::seconds after_an_error{1};
/// Between two rounds: gathers what many commits bring. Waking for each of them cost a third of the
/// receiver's speed.
constexpr std::chrono::milliseconds between_rounds{10};
constexpr std::size_t write_at_once = 64U << 10U;

}  // namespace

Follower::Follower(const std::filesystem::path& store, std::int64_t after, LineFormat format,
                   int fd, const Diagnostics& diagnostics)
    : reader_(store),
      lines_(format),
      output_(fd),
      diagnostics_(diagnostics),
      stored_(after),
      printed_(after),
      thread_([this] { run(); }) {}

Follower::~Follower() {
    join();
}

void Follower::committed(std::span<const store::NewMessage> newest, std::int64_t last_id) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        recent_.add(newest, last_id);
        stored_ = last_id;
        wake = waiting_;
    }
    if (wake) changed_.notify_all();
}

void Follower::run() {
    give_way_to_others();
    std::unique_lock lock(mutex_);
    while (!closed_) {
        waiting_ = true;
        changed_.wait(lock, [this] { return finishing_ || stored_ > printed_; });
        waiting_ = false;
        if (finishing_) return;
        const auto up_to = stored_;
        lock.unlock();
        auto outcome = Outcome::written;
        bool failed = false;
        try {
            outcome = print(up_to);
        } catch (const Error& error) {
            diagnostics_.warning(fmt::format("events can't be printed: {}", error.what()),
                                 error.hint());
            failed = true;
        }
        if (outcome == Outcome::closed) {
            diagnostics_.warning("stdout is closed: events are stored, and no longer printed",
                                 "pwh events prints them");
        }
        lock.lock();
        closed_ = outcome == Outcome::closed;
        const std::chrono::milliseconds pause = failed ? after_an_error : between_rounds;
        changed_.wait_for(lock, pause, [this] { return finishing_; });
    }
}

bool Follower::take_recent() {
    const std::lock_guard lock(mutex_);
    return recent_.take(printed_, page_);
}

Follower::Outcome Follower::print(std::int64_t up_to) {
    static const store::EventQuery everything;
    while (printed_ < up_to) {
        if (!take_recent()) reader_.read(everything, printed_, page_);
        const auto outcome = print_page();
        if (outcome != Outcome::written) return outcome;
        // Some may have been removed before their turn.
        const std::lock_guard lock(mutex_);
        printed_ = page_.end ? std::max(up_to, page_.reached) : page_.reached;
    }
    return Outcome::written;
}

/// Many messages have come in one millisecond.
std::string_view Follower::timestamp(std::int64_t ms) {
    if (timestamp_.empty() || ms != timestamp_ms_) {
        timestamp_ms_ = ms;
        timestamp_ = text::rfc3339(WallTime{std::chrono::milliseconds(ms)});
    }
    return timestamp_;
}

Follower::Outcome Follower::print_page() {
    std::size_t next = 0;
    while (next < page_.messages.size()) {
        text_.clear();
        std::int64_t last = 0;
        for (; next < page_.messages.size() && text_.size() < write_at_once; ++next) {
            const auto& message = page_.messages[next];
            last = message.id;
            if (lines_.read(message.body) &&
                lines_.write(timestamp(message.received_ms), text::to_hex(message.message_id),
                             line_)) {
                text_ += line_.text;
            }
        }
        std::size_t written = 0;
        const auto outcome = output_.write(text_, written);
        if (outcome != Outcome::written) return outcome;
        const std::lock_guard lock(mutex_);
        printed_ = last;
    }
    return Outcome::written;
}

bool Follower::finished() {
    const std::lock_guard lock(mutex_);
    return closed_ || printed_ >= stored_;
}

void Follower::finish() {
    join();
    if (closed_ || printed_ >= stored_) return;
    diagnostics_.warning(
        fmt::format("{} stored messages were not printed in time", stored_ - printed_),
        "pwh events prints them");
}

void Follower::join() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        finishing_ = true;
    }
    changed_.notify_all();
    output_.interrupt();
    thread_.join();
}

}  // namespace pwh::receiver
