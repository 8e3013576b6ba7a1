// SPDX-License-Identifier: Apache-2.0
#include "commands/unsubscribe.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "commands/client.hpp"
#include "commands/subscribing.hpp"

namespace pwh::commands {

namespace {

using preservica::Subscription;

void require_one_way(const UnsubscribeOptions& options) {
    const int ways =
        (options.ids.empty() ? 0 : 1) + (options.all ? 1 : 0) + (options.selection.empty() ? 0 : 1);
    if (ways == 1) return;
    throw UsageError(
        ways == 0 ? "which subscriptions?" : "ids, --all and filters exclude each other",
        "give ids, or --all, or --url and --trigger; `pwh list` shows what there is");
}

/// The subscriptions with these ids, and the ids that there are none for.
std::vector<Subscription> pick(const std::vector<Subscription>& all,
                               const std::vector<std::string>& ids,
                               std::vector<std::string>& missing) {
    std::vector<Subscription> picked;
    for (const auto& id : ids) {
        const auto is_it = [&](const Subscription& each) { return each.id == id; };
        if (std::any_of(picked.begin(), picked.end(), is_it)) continue;
        const auto found = std::find_if(all.begin(), all.end(), is_it);
        if (found == all.end()) {
            missing.push_back(id);
        } else {
            picked.push_back(*found);
        }
    }
    return picked;
}

bool confirmed(const Context& context, const UnsubscribeOptions& options, std::size_t count) {
    if (options.yes || options.dry_run || !options.ids.empty() || count < 2) return true;
    if (!context.may_ask()) {
        throw UsageError(
            fmt::format("this would remove {} subscriptions, and there is no terminal to ask on",
                        count),
            "give --yes, or look first with --dry-run");
    }
    const auto answer = context.ask(fmt::format("Remove {} subscriptions? [y/N] ", count), false);
    return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

void setup_unsubscribe(CLI::App& app, UnsubscribeOptions& options) {
    app.add_option("ID", options.ids, "the subscriptions' ids");
    app.add_flag("--all", options.all, "every subscription of the tenant");
    app.add_option("--url", options.selection.url, "those with this URL");
    app.add_option("--trigger", options.selection.triggers,
                   "those with this trigger (may be repeated)")
        ->type_name("T")
        ->allow_extra_args(false);
    app.add_flag("--yes", options.yes, "do not ask before more than one is removed");
    app.add_flag("--dry-run", options.dry_run, "only show what would be removed");
    add_output_options(app, options.format);
}

int run_unsubscribe(Context& context, const UnsubscribeOptions& options) {
    require_one_way(options);
    trigger_names(options.selection.triggers, context.diagnostics);
    const auto settings = resolve_settings(context);
    const auto secrets = open_secret_store(settings);
    Client client(context, settings);
    const auto all = client.subscriptions().list();
    std::vector<std::string> missing;
    const auto chosen =
        options.ids.empty() ? options.selection.of(all) : pick(all, options.ids, missing);
    if (!confirmed(context, options, chosen.size())) {
        context.diagnostics.note("nothing was removed");
        return static_cast<int>(ExitCode::failure);
    }

    int code = 0;
    const auto failed = [&](const Error& error) {
        context.diagnostics.error(error.what(), error.hint());
        if (code == 0) code = static_cast<int>(error.code());
    };
    const auto no_such = [](const std::string& id) {
        return Error(ExitCode::not_found, fmt::format("there is no subscription {}", id),
                     "pwh list shows those there are");
    };
    std::vector<ShownSubscription> removed;
    for (auto& each : with_stored_secrets(chosen, secrets)) {
        const auto id = each.subscription.id;
        try {
            if (!options.dry_run) {
                if (!client.subscriptions().remove(id)) throw no_such(id);
                secrets.forget(id);
            }
            removed.push_back(std::move(each));
        } catch (const Error& error) {
            failed(error);
        }
    }
    for (const auto& id : missing) failed(no_such(id));
    context.out.write(render_subscriptions(removed, options.format, context.terminal));
    return code;
}

}  // namespace pwh::commands
