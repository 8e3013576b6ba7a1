// SPDX-License-Identifier: Apache-2.0
#include "commands/subscribe.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands/selection.hpp"
#include "commands/subscribing.hpp"
#include "preservica/signature.hpp"
#include "preservica/subscriptions.hpp"

namespace pwh::commands {

void setup_subscribe(CLI::App& app, SubscribeOptions& options) {
    app.add_option("--trigger", options.triggers,
                   "what to be told of: indexed, moved, security-changed, ingest-failed, "
                   "visibility-changed")
        ->required()
        ->type_name("T");
    app.add_option("--url", options.url,
                   "the receiver's public URL (else PWH_URL, or `url` in the credentials file)");
    app.add_option("--secret-file", options.secret_file,
                   "the secret to sign with, in a file, or - for stdin (else the secret setting, "
                   "else a new one)")
        ->type_name("FILE");
    app.add_flag("--ensure", options.ensure, "what is subscribed already counts as done");
    app.add_flag("--no-identifiers", options.no_identifiers,
                 "events without the entities' identifiers");
    app.add_flag("--dry-run", options.dry_run, "look, and say what would be done");
    add_output_options(app, options.format);
    app.footer(
        "The receiver must be running and know the secret: Preservica asks it before it answers.\n"
        "`pwh listen` on this machine finds the secret by itself.");
}

int run_subscribe(Context& context, const SubscribeOptions& options) {
    const auto settings = resolve_settings(context);
    Wanted wanted;
    wanted.triggers = trigger_names(options.triggers, context.diagnostics);
    wanted.url = !options.url.empty() ? options.url
                 : settings.url       ? settings.url->value
                                      : std::string();
    if (wanted.url.empty()) {
        throw UsageError("the receiver's URL is missing",
                         "give --url URL, PWH_URL, or `url` in credentials.properties");
    }
    require_webhook_url(wanted.url);
    wanted.secret = configured_secret(settings, options.secret_file, context.diagnostics);
    if (wanted.secret) {
        if (const auto weakness = preservica::secret_weakness(*wanted.secret)) {
            throw UsageError(
                *weakness, "let pwh generate one: leave --secret-file and the secret setting out");
        }
    }
    wanted.ensure = options.ensure;
    wanted.include_identifiers = !options.no_identifiers;
    wanted.dry_run = options.dry_run;
    wanted.interruptible = true;

    Client client(context, settings);
    const auto secrets = open_secret_store(settings);
    std::vector<Subscribed> done;
    const auto print = [&] {
        std::vector<ShownSubscription> shown;
        shown.reserve(done.size());
        for (const auto& each : done) shown.push_back(each.shown);
        context.out.write(render_subscriptions(shown, options.format, context.terminal));
    };
    try {
        subscribe_all(client, secrets, wanted, context.now, context.diagnostics, done);
    } catch (const preservica::HandshakeRefused& refused) {
        if (!done.empty()) print();
        if (options.secret_file.empty()) throw;
        throw preservica::HandshakeRefused(
            refused.code(), refused.what(),
            fmt::format("{} --secret-file {}", refused.hint(),
                        options.secret_file == "-" ? "FILE" : options.secret_file));
    } catch (const Error&) {
        if (!done.empty()) print();
        throw;
    }
    print();
    for (const auto& each : done) {
        if (!each.shown.secret_stored && !wanted.dry_run) {
            context.diagnostics.warning(
                "the secret of subscription " + each.shown.subscription.id +
                    " is not on this machine: pwh listen can't verify its events",
                "give listen its secret with --secret-file, or unsubscribe it and subscribe anew");
        }
    }
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
