// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/diagnostics.hpp"
#include "settings/properties.hpp"
#include "settings/settings.hpp"

namespace pwh::settings {

/// The credentials file that is used.
struct CredentialsFile {
    std::string name;  ///< as a person knows it
    Properties sections;
    bool blank = false;  ///< nothing but comments in it
};

/// Finds and reads the first of `--credentials`, `PWH_CREDENTIALS`, `./credentials.properties`,
/// `$XDG_CONFIG_HOME/pwh/credentials.properties`, `$CREDENTIALS_DIRECTORY/credentials.properties`.
/// Warns where `diagnostics` is given. Throws UsageError as resolve() does.
std::optional<CredentialsFile> find_credentials(const Flags& flags,
                                                const Surroundings& surroundings,
                                                const Diagnostics* diagnostics);

/// The user's home folder: `HOME`, else what the system's user database says.
std::optional<std::filesystem::path> home_folder(const Surroundings& surroundings);

/// An XDG base folder: the variable where it holds an absolute path (the specification has any
/// other ignored), else `fallback` in the home folder.
std::optional<std::filesystem::path> xdg_folder(const Surroundings& surroundings,
                                                const std::string& variable,
                                                const std::string& fallback);

}  // namespace pwh::settings
