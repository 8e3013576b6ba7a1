// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "commands/command.hpp"

namespace pwh::commands {

struct VerifyOptions {
    std::string signature;
    std::string file;  ///< `-` or empty: stdin
    std::string secret_file;
};

void setup_verify(CLI::App& app, VerifyOptions& options);
int run_verify(Context& context, const VerifyOptions& options);

}  // namespace pwh::commands
