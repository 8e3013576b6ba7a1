// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commands/command.hpp"
#include "commands/output_format.hpp"

namespace pwh::commands {

struct WhoamiOptions {
    OutputFormat format;
};

void setup_whoami(CLI::App& app, WhoamiOptions& options);
int run_whoami(Context& context, const WhoamiOptions& options);

}  // namespace pwh::commands
