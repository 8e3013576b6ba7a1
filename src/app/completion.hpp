// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands/context.hpp"

namespace CLI {
class App;
}

namespace pwh::app {

/// How a shell's completion asks: `pwh __complete WORD…`, the words behind `pwh` up to the cursor,
/// of which the last may be empty. Not a command, so that no help lists it.
constexpr auto completion_command = "__complete";

/// What can stand where the last word is. The first line says what: `values` (each on a line of its
/// own below, a tab, a description), `files`, `folders`, or `command N` (COMMAND starts at the N-th
/// word). For an option's value behind `=` the values stand alone. Never throws for what the words
/// or the user's files hold.
std::string completions(CLI::App& app, const std::vector<std::string>& words,
                        commands::Context& context);

}  // namespace pwh::app
