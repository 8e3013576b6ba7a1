// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "net/url.hpp"
#include "settings/credentials.hpp"
#include "settings/letters.hpp"
#include "text/utf8.hpp"

namespace pwh::settings {

namespace {

constexpr auto default_profile = "credentials";
constexpr auto shared_secret = "shared-secret";

std::vector<std::string> names_of(const Properties& sections) {
    std::vector<std::string> names;
    names.reserve(sections.size());
    for (const auto& [name, keys] : sections) names.push_back(name);
    return names;
}

std::optional<Setting> from_flag(const std::optional<std::string>& flag, const char* option) {
    if (!flag) return std::nullopt;
    if (flag->empty()) throw UsageError(fmt::format("{} is empty", option));
    return Setting{*flag, option};
}

/// What the chosen section of the credentials file holds, and the environment above it.
class Lookup {
  public:
    Lookup(const Flags& flags, const Surroundings& surroundings, const Diagnostics& diagnostics);

    std::optional<Setting> variable(const char* name) const {
        if (auto value = environment_(name)) return Setting{std::move(*value), name};
        return std::nullopt;
    }
    /// A key without a value counts as not set, as a variable does.
    std::optional<Setting> key(const char* name) const {
        const auto found = keys_.find(lower(name));
        if (found == keys_.end() || found->second.empty()) return std::nullopt;
        return Setting{found->second, fmt::format("{} in {}", name, file_)};
    }
    std::optional<Setting> either(const char* variable_name, const char* key_name) const {
        auto setting = variable(variable_name);
        return setting ? setting : key(key_name);
    }

  private:
    const Environment& environment_;
    std::string file_;
    Properties::mapped_type keys_;
};

Lookup::Lookup(const Flags& flags, const Surroundings& surroundings, const Diagnostics& diagnostics)
    : environment_(surroundings.environment) {
    auto profile = from_flag(flags.profile, "--profile");
    if (!profile) profile = variable("PWH_PROFILE");
    const auto file = find_credentials(flags, surroundings, &diagnostics);
    if (!file || (file->blank && !profile)) {
        if (profile && !file) {
            throw UsageError(fmt::format("{} names a profile, but there is no credentials file",
                                         profile->source),
                             "--credentials FILE names one");
        }
        return;
    }
    const std::string name = profile ? profile->value : default_profile;
    const auto section = file->sections.find(name);
    if (section == file->sections.end()) {
        const auto names = names_of(file->sections);
        throw UsageError(fmt::format("credentials file {} has no section [{}]", file->name, name),
                         names.empty()
                             ? std::string("the file has no section at all")
                             : fmt::format("--profile takes one of: {}", fmt::join(names, ", ")));
    }
    file_ = file->name;
    keys_ = section->second;
}

void check_text(const std::optional<Setting>& setting) {
    if (!setting) return;
    if (!text::is_utf8(setting->value))
        throw UsageError(fmt::format("{} is not UTF-8", setting->source));
    const bool control = std::any_of(setting->value.begin(), setting->value.end(),
                                     [](char c) { return (c >= '\0' && c < ' ') || c == '\x7F'; });
    if (!control) return;
    throw UsageError(
        fmt::format("{} has a control character or a line break in it", setting->source),
        setting->value.find('\n') == std::string::npos
            ? ""
            : "in a credentials file, an indented line goes on with the value above it");
}

/// What to write instead of a URL, without what else the URL holds (it may be a password).
std::string server_hint(const std::string& value) {
    const bool has_scheme = value.find("://") != std::string::npos;
    const auto url = net::parse_url(has_scheme ? value : "https://" + value);
    if (!url || (url->scheme != "https" && url->scheme != "http"))
        return "write the host's name alone, for instance us.preservica.com";
    const bool own_port = url->port == (url->scheme == "http" ? 80 : 443);
    auto address = net::join_host_port(url->host, url->port);
    if (own_port) address.resize(address.rfind(':'));
    const bool plain = url->scheme == "http" && net::is_loopback(url->host);
    return fmt::format("write {}{}", address, plain ? ", and --protocol http" : "");
}

void check_protocol(const Setting& protocol) {
    if (protocol.value == "https" || protocol.value == "http") return;
    throw UsageError(fmt::format("{} must be https or http", protocol.source));
}

void check_authentication(const Setting& authentication) {
    if (authentication.value == "password" || authentication.value == shared_secret) return;
    throw UsageError(
        fmt::format("{} must be password or {}", authentication.source, shared_secret));
}

void check_server(const Setting& server, const Setting& protocol, bool protocol_is_flag) {
    const auto address = net::parse_host_port(server.value);
    if (!address || address->port == 0) {
        const bool url = server.value.find("://") != std::string::npos;
        throw UsageError(
            fmt::format("{} must be HOST or HOST:PORT{}", server.source, url ? ", not a URL" : ""),
            server_hint(server.value));
    }
    if (protocol.value == "http" && !protocol_is_flag && !net::is_loopback(address->host)) {
        throw UsageError(fmt::format("{} is http, which would send the password to {} unprotected",
                                     protocol.source, server.value),
                         "use https; --protocol http on the command line itself overrides this");
    }
}

double seconds(const std::optional<double>& flag, const char* option, double otherwise) {
    // curl counts in milliseconds, and takes none of them for "no limit".
    static constexpr double shortest = 0.001;
    static constexpr double longest = 1e6;
    if (!flag) return otherwise;
    if (std::isfinite(*flag) && *flag >= shortest && *flag <= longest) return *flag;
    throw UsageError(
        fmt::format("{} must be a number of seconds from {} to {:.0f}", option, shortest, longest));
}

Setting state_folder(const Flags& flags, const Surroundings& surroundings, const Lookup& lookup) {
    const auto absolute = [&](const Setting& setting) {
        return Setting{(surroundings.current_folder / setting.value).string(), setting.source};
    };
    if (const auto flag = from_flag(flags.state_dir, "--state-dir")) return absolute(*flag);
    if (const auto folder = lookup.variable("PWH_STATE_DIR")) return absolute(*folder);
    if (auto folder = lookup.variable("STATE_DIRECTORY")) {
        // systemd lists all of a service's folders, with colons between them.
        folder->value.resize(std::min(folder->value.find(':'), folder->value.size()));
        if (!folder->value.empty()) return absolute(*folder);
    }
    const auto base = xdg_folder(surroundings, "XDG_STATE_HOME", ".local/state");
    if (base) return {(*base / "pwh").string(), "default"};
    throw UsageError("there is no home folder to keep pwh's state in",
                     "name a folder with --state-dir, or set HOME");
}

void find_all(Settings& settings, const Flags& flags, const Lookup& lookup) {
    const auto with_flag = [&](const std::optional<std::string>& flag, const char* option,
                               const char* variable, const char* key) {
        auto setting = from_flag(flag, option);
        return setting ? setting : lookup.either(variable, key);
    };
    settings.server = with_flag(flags.server, "--server", "PRESERVICA_SERVER", "server");
    settings.username = with_flag(flags.username, "--username", "PRESERVICA_USERNAME", "username");
    settings.password = lookup.either("PRESERVICA_PASSWORD", "password");
    settings.tenant = with_flag(flags.tenant, "--tenant", "PRESERVICA_TENANT", "tenant");
    settings.two_factor_seed = lookup.either("PRESERVICA_2FA_TOKEN", "twoFactorToken");
    settings.protocol = with_flag(flags.protocol, "--protocol", "PWH_PROTOCOL", "protocol")
                            .value_or(Setting{"https", "default"});
    settings.authentication =
        flags.shared_secret ? Setting{shared_secret, "--shared-secret"}
                            : lookup.key("authentication").value_or(Setting{"password", "default"});
    settings.url = lookup.either("PWH_URL", "url");
    settings.secret_file = lookup.variable("PWH_SECRET_FILE");
    // One setting with two forms: the environment's hides the file's.
    if (!settings.secret_file) settings.secret = lookup.key("secret.key");
    settings.store = lookup.either("PWH_STORE", "store");
}

}  // namespace

Settings resolve(const Flags& flags, const Surroundings& surroundings,
                 const Diagnostics& diagnostics) {
    const Lookup lookup(flags, surroundings, diagnostics);
    Settings settings;
    find_all(settings, flags, lookup);
    settings.state_dir = state_folder(flags, surroundings, lookup);
    if (const auto file = from_flag(flags.ca_file, "--cacert")) settings.ca_file = file->value;
    settings.connect_timeout =
        seconds(flags.connect_timeout, "--connect-timeout", settings.connect_timeout);
    settings.request_timeout =
        seconds(flags.request_timeout, "--request-timeout", settings.request_timeout);
    settings.no_input = flags.no_input;
    settings.token_cache = !flags.no_token_cache;
    for (const auto* setting :
         {&settings.server, &settings.username, &settings.tenant, &settings.url, &settings.store}) {
        check_text(*setting);
    }
    check_protocol(settings.protocol);
    check_authentication(settings.authentication);
    if (settings.server)
        check_server(*settings.server, settings.protocol, flags.protocol.has_value());
    return settings;
}

std::vector<std::string> profiles(const Flags& flags, const Surroundings& surroundings) {
    const auto file = find_credentials(flags, surroundings, nullptr);
    return file ? names_of(file->sections) : std::vector<std::string>{};
}

}  // namespace pwh::settings
