// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pwh {

/// The exit codes that scripts rely on; `pwh help exit-codes` prints their meaning.
enum class ExitCode : int {
    ok = 0,
    failure = 1,
    usage = 2,
    endpoint_failed = 3,
    unauthenticated = 4,
    forbidden = 5,
    not_found = 6,
    unavailable = 7,
    timed_out = 8,
    unhealthy = 9,
};

/// What every function of pwh throws when it can't do what it promised. The application turns it
/// into `pwh: MESSAGE`, `hint: HINT` and the exit code. Neither text ever contains a secret.
class Error : public std::runtime_error {
  public:
    Error(ExitCode code, const std::string& message, std::string hint = {})
        : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

    ExitCode code() const noexcept { return code_; }
    const std::string& hint() const noexcept { return hint_; }

  private:
    ExitCode code_;
    std::string hint_;
};

/// The command line or a setting is wrong.
class UsageError : public Error {
  public:
    explicit UsageError(const std::string& message, std::string hint = {})
        : Error(ExitCode::usage, message, std::move(hint)) {}
};

}  // namespace pwh
