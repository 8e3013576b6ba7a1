// SPDX-License-Identifier: Apache-2.0
#include "commands/whoami.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands/client.hpp"
#include "preservica/account.hpp"
#include "text/table.hpp"

namespace pwh::commands {

namespace {

/// What whoami found out.
struct Identity {
    std::string server;
    std::optional<std::string> version;
    std::string user;
    std::string tenant;  ///< empty where the server does not say it
    std::vector<std::string> roles;
    bool may_administer = false;
};

Identity identify(Client& client, const settings::Settings& settings) {
    preservica::Account account(client.session());
    Identity identity;
    identity.server = settings.server->value;
    identity.user = settings.username ? settings.username->value : std::string();
    identity.roles = account.roles();
    identity.version = account.version();
    identity.tenant = client.session().known_tenant();
    identity.may_administer = preservica::allow_webhook_administration(identity.roles);
    return identity;
}

std::string render_json(const Identity& identity) {
    using Json = nlohmann::ordered_json;
    Json json{{"server", identity.server},
              {"version", nullptr},
              {"user", identity.user},
              {"tenant", nullptr},
              {"roles", Json::array()}};
    if (identity.version) json["version"] = *identity.version;
    if (!identity.tenant.empty()) json["tenant"] = identity.tenant;
    for (const auto& role : identity.roles) json["roles"].push_back(role);
    json["webhookAdministration"] = identity.may_administer;
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string render_tsv(const Identity& identity) {
    return text::render_tsv(
        {{"server", identity.server},
         {"version", identity.version.value_or("")},
         {"user", identity.user},
         {"tenant", identity.tenant},
         {"roles", fmt::format("{}", fmt::join(identity.roles, ","))},
         {"webhookAdministration", identity.may_administer ? "true" : "false"}});
}

std::string render_table(const Identity& identity) {
    std::vector<text::Row> rows{
        {"Version", identity.version.value_or("unknown")},
        {"User", identity.user},
        {"Tenant", identity.tenant.empty() ? "unknown" : identity.tenant},
    };
    std::string label = "Roles";
    for (const auto& role : identity.roles) rows.push_back({std::exchange(label, ""), role});
    if (identity.roles.empty()) rows.push_back({label, "none"});
    rows.push_back({"Webhooks", identity.may_administer ? "allowed" : "not allowed"});
    return text::render_table({"Server", identity.server}, rows, 0);
}

std::string render(const Identity& identity, const OutputFormat& format, const Terminal& terminal) {
    if (format.json || format.name == "json") return render_json(identity);
    const bool table = format.name == "table" || (format.name.empty() && terminal.stdout_is_tty);
    return table ? render_table(identity) : render_tsv(identity);
}

void tell(const Diagnostics& diagnostics, const char* name,
          const std::optional<settings::Setting>& setting, bool secret = false) {
    if (!setting) {
        diagnostics.detail(fmt::format("{}: not set", name));
        return;
    }
    const bool chosen = setting->source != "default";
    diagnostics.detail(fmt::format("{}: {} ({}{})", name, secret ? "set" : setting->value,
                                   chosen ? "from " : "", setting->source));
}

/// Said before anything is asked, so that it helps where the sign-in fails.
void tell_sources(const settings::Settings& settings, const Diagnostics& diagnostics) {
    tell(diagnostics, "server", settings.server);
    tell(diagnostics, "protocol", settings.protocol);
    tell(diagnostics, "username", settings.username);
    tell(diagnostics, "tenant", settings.tenant);
    tell(diagnostics, "authentication", settings.authentication);
    tell(diagnostics, "password", settings.password, true);
    tell(diagnostics, "2FA seed", settings.two_factor_seed, true);
    tell(diagnostics, "URL of the receiver", settings.url);
    tell(diagnostics, "webhook secret file", settings.secret_file);
    tell(diagnostics, "webhook secret", settings.secret, true);
    tell(diagnostics, "event store", settings.store);
    tell(diagnostics, "state folder", settings.state_dir);
}

}  // namespace

void setup_whoami(CLI::App& app, WhoamiOptions& options) {
    add_output_options(app, options.format);
    app.footer(
        "Exit code 5 when no role allows webhook administration. With -v it says where each "
        "setting came from.");
}

int run_whoami(Context& context, const WhoamiOptions& options) {
    const auto settings = resolve_settings(context);
    tell_sources(settings, context.diagnostics);
    Client client(context, settings);
    const auto identity = identify(client, settings);
    context.out.write(render(identity, options.format, context.terminal));
    if (identity.may_administer) return static_cast<int>(ExitCode::ok);
    throw Error(ExitCode::forbidden,
                fmt::format("no role of {} allows webhook administration", identity.user),
                "ask an administrator of the tenant for ROLE_SDB_CONFIG_MANAGER_USER (Preservica "
                "8.1 and later) or ROLE_SDB_MANAGER_USER");
}

}  // namespace pwh::commands
