// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/diagnostics.hpp"
#include "receiver/keyring.hpp"
#include "settings/settings.hpp"

namespace pwh::commands {

/// Where `listen` has its secrets from: every file, else the setting, else the secret store of the
/// server and tenant, as far as these are set.
std::unique_ptr<receiver::SecretSource> listen_secrets(const settings::Settings& settings,
                                                       const std::vector<std::string>& secret_files,
                                                       const Diagnostics& diagnostics);

}  // namespace pwh::commands
