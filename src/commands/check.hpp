// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands/check_endpoint.hpp"
#include "commands/command.hpp"
#include "commands/output_format.hpp"

namespace pwh::commands {

struct CheckOptions {
    std::string url;
    std::string secret_file;
    OutputFormat format;
};

void setup_check(CLI::App& app, CheckOptions& options);
int run_check(Context& context, const CheckOptions& options);

/// A line for each result: its name, `pass`, `fail` or `warn`, milliseconds, and the explanation,
/// which a table wraps to the terminal's width.
std::string render_checks(const std::vector<CheckResult>& results, const OutputFormat& format,
                          const Terminal& terminal, bool colour);

}  // namespace pwh::commands
