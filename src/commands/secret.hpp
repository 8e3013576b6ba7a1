// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "commands/command.hpp"

namespace pwh::commands {

struct SecretOptions {
    std::string id;
};

void setup_secret(CLI::App& app, SecretOptions& options);
int run_secret(Context& context, const SecretOptions& options);

}  // namespace pwh::commands
