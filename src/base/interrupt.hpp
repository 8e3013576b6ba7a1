// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace pwh {

/// While one lives, SIGINT, SIGTERM and SIGHUP are noted instead of ending the program, so that
/// what has begun at a server is not left without a trace here. The second signal ends the program
/// at once. What ignores a signal (nohup) goes on ignoring it. One at a time, on the main thread;
/// not where an event loop handles signals.
class InterruptWatch {
  public:
    InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;
    ~InterruptWatch();

    /// The signal that came; 0 while none did.
    int signal() const noexcept;
    /// Lets requests go on for so long although a signal came.
    void grant(std::chrono::milliseconds time) noexcept;

  private:
    static constexpr std::array numbers_{SIGINT, SIGTERM, SIGHUP};
    std::array<struct sigaction, numbers_.size()> before_{};
};

/// True when what is under way is to be given up: a signal was noted, and no time granted is left.
/// Any thread may ask.
bool interrupted() noexcept;

/// A noted signal ended the command. The application says the message and then ends the program by
/// that signal, so that a shell sees it.
class Interrupted : public Error {
  public:
    Interrupted(int signal, const std::string& message, std::string hint = {})
        : Error(ExitCode{128 + signal}, message, std::move(hint)), signal_(signal) {}

    int signal() const noexcept { return signal_; }

  private:
    int signal_;
};

/// Ends the program as the signal does by default. Returns only where the signal is blocked.
void end_by_signal(int number) noexcept;

}  // namespace pwh
