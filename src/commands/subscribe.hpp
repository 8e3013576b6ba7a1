// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands/command.hpp"
#include "commands/output_format.hpp"

namespace pwh::commands {

struct SubscribeOptions {
    std::vector<std::string> triggers;
    std::string url;
    std::string secret_file;
    bool ensure = false;
    bool no_identifiers = false;
    bool dry_run = false;
    OutputFormat format;
};

void setup_subscribe(CLI::App& app, SubscribeOptions& options);
int run_subscribe(Context& context, const SubscribeOptions& options);

}  // namespace pwh::commands
