// SPDX-License-Identifier: Apache-2.0
#include "commands/client.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>

#include "preservica/redact.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t max_secret_file = 64U << 10U;

std::chrono::milliseconds in_ms(double seconds) {
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

net::ClientOptions client_options(const Context& context, const settings::Settings& settings) {
    net::ClientOptions options;
    options.connect_timeout = in_ms(settings.connect_timeout);
    options.request_timeout = in_ms(settings.request_timeout);
    options.ca_file = settings.ca_file;
    const auto& diagnostics = context.diagnostics;
    if (diagnostics.verbosity() >= Verbosity::trace) {
        const auto show = [&diagnostics](std::string_view mark, const std::string& text) {
            for (std::size_t at = 0; at < text.size();) {
                const auto end = std::min(text.find('\n', at), text.size());
                diagnostics.trace(
                    fmt::format("{} {}", mark, std::string_view(text).substr(at, end - at)));
                at = end + 1;
            }
        };
        options.on_request = [show](const net::ClientRequest& request) {
            show(">", preservica::redact(request));
        };
        options.on_response = [show](const net::ClientResponse& response) {
            show("<", preservica::redact(response));
        };
    }
    return options;
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

preservica::Credentials credentials_of(const settings::Settings& settings) {
    preservica::Credentials credentials;
    if (settings.username) credentials.username = settings.username->value;
    if (settings.password) credentials.password = settings.password->value;
    if (settings.tenant) credentials.tenant = settings.tenant->value;
    return credentials;
}

preservica::Session::AskPassword ask_password(const Context& context,
                                              const settings::Settings& settings) {
    return [&context, user = settings.username ? settings.username->value : std::string()] {
        if (!context.may_ask()) {
            throw Error(ExitCode::unauthenticated, fmt::format("no password is set for {}", user),
                        "set PRESERVICA_PASSWORD, or `password` in credentials.properties");
        }
        return context.ask(fmt::format("Password for {}: ", user), true);
    };
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
    : http_(context.make_http(client_options(context, settings))),
      session_(*http_, server_of(settings), credentials_of(settings),
               ask_password(context, settings), context.diagnostics),
      subscriptions_(session_) {}

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
