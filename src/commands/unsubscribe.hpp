// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands/command.hpp"
#include "commands/output_format.hpp"
#include "commands/selection.hpp"

namespace pwh::commands {

struct UnsubscribeOptions {
    std::vector<std::string> ids;
    Selection selection;
    bool all = false;
    bool yes = false;
    bool dry_run = false;
    OutputFormat format;
};

void setup_unsubscribe(CLI::App& app, UnsubscribeOptions& options);
int run_unsubscribe(Context& context, const UnsubscribeOptions& options);

}  // namespace pwh::commands
