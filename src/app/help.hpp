// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace pwh::app {

/// The help for a topic: a command, `exit-codes`, or nothing for pwh as a whole (or for the command
/// that was parsed). Throws UsageError for a topic that is none.
std::string help_text(const CLI::App& app, const std::string& topic);

}  // namespace pwh::app
