// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/diagnostics.hpp"
#include "settings/settings.hpp"

namespace CLI {
class App;
}

namespace pwh::commands {

/// Adds `--secret-file`.
void add_secret_option(CLI::App& app, std::string& secret_file);

/// The secrets that `check`, `send`, `sign` and `verify` may use: that of `secret_file`, else the
/// setting's, else every one that is stored, for the server and tenant as far as these are set.
/// Throws UsageError that names the ways where there is none.
std::vector<std::string> usable_secrets(const settings::Settings& settings,
                                        const std::string& secret_file,
                                        const Diagnostics& diagnostics);

/// The same, where it can be only one; throws UsageError where several are stored.
std::string the_secret(const settings::Settings& settings, const std::string& secret_file,
                       const Diagnostics& diagnostics);

/// The bytes of a body from a file, or from stdin for `-` or nothing. Throws UsageError, also where
/// the secret comes from stdin as well.
std::string read_body(const std::string& file, const std::string& secret_file);

}  // namespace pwh::commands
