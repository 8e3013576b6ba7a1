// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "commands/context.hpp"

namespace pwh::commands {

/// How far a long command has come, in a line on stderr that is written over: `removing 12 of
/// 1000`. Only on a terminal, and not with -q or -v, whose lines it would be torn by. Shown when
/// the work takes longer than a moment, and wiped at the end.
class Progress {
  public:
    Progress(const Context& context, std::string doing, std::size_t total);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { wipe(); }

    void show(std::size_t number);
    /// To be called before anything else is written on stderr.
    void wipe();

  private:
    std::string doing_;
    std::size_t total_;
    bool enabled_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point next_;
};

}  // namespace pwh::commands
