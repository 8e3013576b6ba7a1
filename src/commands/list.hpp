// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commands/command.hpp"
#include "commands/output_format.hpp"
#include "commands/selection.hpp"

namespace pwh::commands {

struct ListOptions {
    Selection selection;
    OutputFormat format;
};

void setup_list(CLI::App& app, ListOptions& options);
int run_list(Context& context, const ListOptions& options);

}  // namespace pwh::commands
