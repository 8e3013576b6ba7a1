// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "commands/command.hpp"

namespace pwh::commands {

struct SignOptions {
    std::string file;                      ///< `-` or empty: stdin
    std::optional<std::string> challenge;  ///< also where it is empty: a body is not signed then
    std::string secret_file;
};

void setup_sign(CLI::App& app, SignOptions& options);
int run_sign(Context& context, const SignOptions& options);

}  // namespace pwh::commands
