// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/output.hpp"
#include "base/terminal.hpp"
#include "commands/command.hpp"

namespace pwh::app {

/// Every subcommand, in the order of the help.
std::span<const commands::Command> command_table();

/// What main() hands in.
struct World {
    Environment environment;
    Terminal terminal;
    Output& out;
    int error_fd = 2;
};

/// Runs pwh with these arguments (without the program's name). Every exception ends here, as one
/// line, a hint and an exit code. Returns the exit code.
int run(const std::vector<std::string>& arguments, const World& world);

}  // namespace pwh::app
