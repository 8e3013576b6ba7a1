// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.hpp"
#include "base/environment.hpp"

namespace pwh::settings {

/// A setting's value and where it came from: `--server`, `PRESERVICA_SERVER`, `server in FILE`,
/// `default`.
struct Setting {
    std::string value;
    std::string source;
};

/// What the global options on the command line said.
struct Flags {
    std::optional<std::string> server;
    std::optional<std::string> username;
    std::optional<std::string> tenant;
    std::optional<std::string> credentials;
    std::optional<std::string> profile;
    std::optional<std::string> protocol;
    std::optional<std::string> ca_file;
    std::optional<std::string> state_dir;
    std::optional<double> connect_timeout;  ///< seconds
    std::optional<double> request_timeout;  ///< seconds
    unsigned retries = 3;                   ///< how often a request that failed is made again
    bool no_input = false;
    bool shared_secret = false;
    bool no_token_cache = false;
};

/// Every setting, resolved once: flag > environment > credentials file > default.
struct Settings {
    std::optional<Setting> server;
    std::optional<Setting> username;
    std::optional<Setting> password;
    std::optional<Setting> tenant;
    std::optional<Setting> two_factor_seed;
    Setting authentication;              ///< password or shared-secret
    Setting protocol;                    ///< http or https
    std::optional<Setting> url;          ///< the receiver's public URL
    std::optional<Setting> secret_file;  ///< PWH_SECRET_FILE: a path
    std::optional<Setting>
        secret;  ///< `secret.key` of the file: the secret itself; not with secret_file
    std::optional<Setting> store;  ///< PWH_STORE or `store`: a path
    Setting state_dir;
    std::string ca_file;
    double connect_timeout = 10;
    double request_timeout = 60;
    bool no_input = false;
    bool token_cache = true;
};

/// What resolve() needs of the machine, so that tests can set it.
struct Surroundings {
    Environment environment;
    std::filesystem::path current_folder;
    unsigned user_id = 0;
};

/// Resolves every setting. Warns of a credentials file that others can read, and of one in the
/// current folder that is someone else's (which is then ignored). Throws UsageError: a file that
/// was named and can't be read, a malformed one (with its line), a profile that isn't there, `http`
/// for a server that is not loopback unless the command line itself says so, a server that is a
/// URL, timeouts that are no positive numbers.
Settings resolve(const Flags& flags, const Surroundings& surroundings,
                 const Diagnostics& diagnostics);

/// The profiles (section names) of the credentials file that would be used; empty when there is
/// none.
std::vector<std::string> profiles(const Flags& flags, const Surroundings& surroundings);

}  // namespace pwh::settings
