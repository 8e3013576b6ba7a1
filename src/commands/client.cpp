// SPDX-License-Identifier: Apache-2.0
#include "commands/client.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/interrupt.hpp"
#include "commands/http_options.hpp"
#include "commands/signing_in.hpp"
#include "net/retry.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t max_secret_file = 64U << 10U;
constexpr std::size_t max_answer = 32U << 20U;  // a hundred thousand subscriptions

net::RetryOptions retry_options(const Context& context) {
    auto options = net::system_retry_options(interrupted);
    options.retries = context.flags.retries;
    options.on_retry = [&diagnostics = context.diagnostics](const std::string& what) {
        diagnostics.detail(what);
    };
    return options;
}

/// libcurl reads the environment by itself; with -v, pwh says so.
void tell_proxy(const Context& context, const preservica::Server& server) {
    const auto url = net::parse_url(server.base_url());
    const auto variable = url ? net::proxy_variable(*url, context.environment) : std::string();
    if (variable.empty()) return;
    context.diagnostics.detail(
        fmt::format("going through the proxy that the environment variable "
                    "{} names",
                    variable));
}

preservica::Server server_of(const settings::Settings& settings) {
    if (!settings.server) {
        throw UsageError(
            "no server is set",
            "give --server HOST, PRESERVICA_SERVER, or `server` in credentials.properties; "
            "to try pwh without an account: pwh sandbox");
    }
    return {settings.protocol.value, settings.server->value};
}

}  // namespace

settings::Settings resolve_settings(const Context& context) {
    std::error_code ignored;
    const settings::Surroundings surroundings{context.environment,
                                              std::filesystem::current_path(ignored), ::geteuid()};
    return settings::resolve(context.flags, surroundings, context.diagnostics);
}

store::SecretStore open_secret_store(const settings::Settings& settings) {
    return store::SecretStore(store::StateFolder(settings.state_dir.value));
}

std::optional<std::string> server_key(const settings::Settings& settings) {
    if (!settings.server) return std::nullopt;
    return preservica::Server{settings.protocol.value, settings.server->value}.key();
}

Client::Client(const Context& context, const settings::Settings& settings)
    : http_(net::make_retrying_client(
          context.make_http(http_options(context, settings, max_answer)), retry_options(context))),
      tokens_(token_keeper(context, settings, server_of(settings))),
      session_(*http_, server_of(settings), credentials_of(settings),
               sign_in_support(context, settings), tokens_.get(), context.diagnostics),
      subscriptions_(session_) {
    tell_proxy(context, session_.server());
}

std::string read_secret_file(const std::string& path, const Diagnostics& diagnostics) {
    auto secret = read_file(path, "secret file", max_secret_file);
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
    if (secret.empty()) {
        throw UsageError(fmt::format("secret file {} is empty", path == "-" ? "stdin" : path),
                         "write a secret to it: pwh secret > FILE");
    }
    if (path != "-" && others_can_read(path)) {
        diagnostics.warning(fmt::format("secret file {} can be read by others", path),
                            fmt::format("chmod 600 {}", path));
    }
    return secret;
}

std::optional<std::string> configured_secret(const settings::Settings& settings,
                                             const std::string& secret_file,
                                             const Diagnostics& diagnostics) {
    if (!secret_file.empty()) return read_secret_file(secret_file, diagnostics);
    if (settings.secret_file) return read_secret_file(settings.secret_file->value, diagnostics);
    if (settings.secret) return settings.secret->value;
    return std::nullopt;
}

}  // namespace pwh::commands
