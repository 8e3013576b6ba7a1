// SPDX-License-Identifier: Apache-2.0
#include "commands/signing.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "commands/client.hpp"

namespace pwh::commands {

namespace {

/// As much as `listen --max-body` can be told to take.
constexpr std::size_t max_body = 64U << 20U;

bool concerns(const store::StoredSecret& stored, const settings::Settings& settings) {
    const auto server = server_key(settings);
    return (!server || *server == stored.server) &&
           (!settings.tenant || settings.tenant->value == stored.tenant);
}

}  // namespace

void add_secret_option(CLI::App& app, std::string& secret_file) {
    app.add_option("--secret-file", secret_file,
                   "the secret, in a file, or - for stdin (else the secret setting, else the one "
                   "that is stored)")
        ->type_name("FILE");
}

std::vector<std::string> usable_secrets(const settings::Settings& settings,
                                        const std::string& secret_file,
                                        const Diagnostics& diagnostics) {
    if (auto secret = configured_secret(settings, secret_file, diagnostics)) {
        return {*std::move(secret)};
    }
    std::vector<std::string> secrets;
    for (auto& stored : open_secret_store(settings).all()) {
        const bool known =
            std::find(secrets.begin(), secrets.end(), stored.secret) != secrets.end();
        if (!known && concerns(stored, settings)) secrets.push_back(std::move(stored.secret));
    }
    if (secrets.empty()) {
        throw UsageError(
            fmt::format("there is no secret: none is set, and none is stored in {}",
                        settings.state_dir.value),
            "give --secret-file FILE, PWH_SECRET_FILE, or `secret.key` in credentials.properties; "
            "pwh subscribe stores the secrets that it makes");
    }
    return secrets;
}

std::string the_secret(const settings::Settings& settings, const std::string& secret_file,
                       const Diagnostics& diagnostics) {
    auto secrets = usable_secrets(settings, secret_file, diagnostics);
    if (secrets.size() > 1) {
        throw UsageError(
            fmt::format("{} secrets are stored, and it is not said which to use", secrets.size()),
            "give --secret-file FILE; a subscription's secret is written by: (umask "
            "077; pwh secret ID > FILE)");
    }
    return std::move(secrets.front());
}

std::string read_body(const std::string& file, const std::string& secret_file) {
    const bool from_stdin = file.empty() || file == "-";
    if (from_stdin && secret_file == "-") {
        throw UsageError("the secret and the body can't both come from stdin",
                         "give one of them in a file");
    }
    return read_file(from_stdin ? "-" : file, "body", max_body);
}

}  // namespace pwh::commands
