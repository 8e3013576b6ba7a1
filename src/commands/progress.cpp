// SPDX-License-Identifier: Apache-2.0
#include "commands/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/file.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;

constexpr auto moment = 200ms;
constexpr auto interval = 100ms;
constexpr auto wiping = "\r\x1b[K";

}  // namespace

Progress::Progress(const Context& context, std::string doing, std::size_t total)
    : doing_(std::move(doing)),
      total_(total),
      enabled_(context.terminal.stderr_is_tty && total > 1 &&
               context.diagnostics.verbosity() == Verbosity::normal &&
               context.environment("TERM").value_or("dumb") != "dumb"),
      next_(std::chrono::steady_clock::now() + moment) {}

void Progress::show(std::size_t number) {
    if (!enabled_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + interval;
    shown_ = true;
    write_all(STDERR_FILENO, fmt::format("{}{} {} of {}", wiping, doing_, number, total_));
}

void Progress::wipe() {
    if (shown_) write_all(STDERR_FILENO, wiping);
    shown_ = false;
}

}  // namespace pwh::commands
