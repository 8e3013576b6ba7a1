// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/command.hpp"

namespace pwh::commands {

struct SandboxOptions {
    std::string listen = "127.0.0.1:0";
    std::optional<double> emit;  ///< messages a second
    std::vector<std::string> triggers;
    double token_lifetime = 900;  ///< seconds
};

void setup_sandbox(CLI::App& app, SandboxOptions& options);
int run_sandbox(Context& context, const SandboxOptions& options);

}  // namespace pwh::commands
