// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pwh {

/// The exit codes that `env` and the shells give a command that did not start.
inline constexpr ExitCode command_cannot_run{126};
inline constexpr ExitCode command_not_found{127};

/// The variables that a child gets: this process's, changed.
class ChildEnvironment {
  public:
    /// Starts with this process's own.
    ChildEnvironment();

    void remove_all(std::string_view prefix);
    void set(std::string_view name, std::string_view value);

    /// `NAME=VALUE` each.
    const std::vector<std::string>& entries() const { return entries_; }

  private:
    std::vector<std::string> entries_;
};

struct ChildCommand {
    std::vector<std::string> arguments;  ///< the command, found by PATH, and what it gets
    ChildEnvironment environment;
    /// Becomes its stdin, and stays the caller's; -1 lets it have this process's.
    int stdin_fd = -1;
};

/// Another program, running. It gets every descriptor that is not close-on-exec, no blocked
/// signals, SIGPIPE and SIGXFSZ at their default, and each other signal as this process found it,
/// as `env` does.
class Child {
  public:
    /// Throws Error with command_not_found or command_cannot_run.
    explicit Child(const ChildCommand& command);
    Child(Child&&) noexcept;
    Child& operator=(Child&&) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    /// Leaves a child that was not waited for running.
    ~Child();

    /// Waits for its end. Returns its exit code, or 128+N when signal N ended it. To be called
    /// once.
    int wait();
    /// After wait(): the signal that ended it, else 0.
    int ended_by() const;
    /// Sends it a signal; does nothing once it ended. Any thread may call, also while another
    /// waits.
    void signal(int number);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pwh
