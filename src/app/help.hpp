// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pwh::app {

/// The help for a topic: a command, `exit-codes`, or nothing for pwh as a whole (or for the command
/// that was parsed); no line is wider than 80 columns. Throws UsageError for a topic that is none.
std::string help_text(const CLI::App& app, const std::string& topic);

/// What stands for an option's value in the help: `FILE`; the option's own name in capitals where
/// it was given none; nothing for a flag.
std::string type_name(const CLI::Option& option);

}  // namespace pwh::app
