// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "commands/context.hpp"

namespace CLI {
class App;
}

namespace pwh::commands {

/// Does what was parsed. Throws Error. Returns the exit code.
using Run = std::function<int(Context&)>;

/// A subcommand: `setup` adds its options to `app` and returns what runs them. Nothing happens
/// while parsing.
struct Command {
    std::string_view name;
    std::string_view summary;
    Run (*setup)(CLI::App& app);
    /// Takes `-- COMMAND…`.
    bool runs_command = false;
};

/// Makes a Command's `setup` of the two halves that every command has: its options, and its run.
template <typename Options, void (*Setup)(CLI::App&, Options&),
          int (*RunIt)(Context&, const Options&)>
Run bind_command(CLI::App& app) {
    const auto options = std::make_shared<Options>();
    Setup(app, *options);
    return [options](Context& context) { return RunIt(context, *options); };
}

}  // namespace pwh::commands
