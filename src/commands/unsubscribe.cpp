// SPDX-License-Identifier: Apache-2.0
#include "commands/unsubscribe.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/interrupt.hpp"
#include "commands/client.hpp"
#include "commands/progress.hpp"
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

/// Asks, below a table of what would go.
bool confirmed(const Context& context, const UnsubscribeOptions& options,
               const std::vector<ShownSubscription>& chosen, const std::string& server) {
    const auto count = chosen.size();
    if (options.yes || options.dry_run || !options.ids.empty() || count < 2) return true;
    if (!context.may_ask()) {
        throw UsageError(
            fmt::format("this would remove {} subscriptions, and there is no terminal to ask on",
                        count),
            "give --yes, or look first with --dry-run");
    }
    const auto answer = context.ask(
        fmt::format(
            "{}Remove {} subscriptions from {}? [y/N] ",
            render_subscriptions(chosen, {.name = "table", .json = false}, context.terminal), count,
            server),
        false);
    return answer == "y" || answer == "Y" || answer == "yes";
}

Error no_such(const std::string& id) {
    return {ExitCode::not_found, fmt::format("there is no subscription {}", id),
            "pwh list shows those there are"};
}

/// Removes one after the other, goes on past failures, and remembers what to say at the end.
class Removal {
  public:
    Removal(const Context& context, Client& client, const store::SecretStore& secrets,
            std::size_t total)
        : context_(context),
          client_(client),
          secrets_(secrets),
          total_(total),
          progress_(context, "removing subscription", total) {}

    void run(std::vector<ShownSubscription> chosen) {
        for (auto& each : chosen) {
            if (watch_.signal() != 0 || unreachable_ == patience) break;
            progress_.show(++number_);
            try {
                remove(each.subscription.id);
                unreachable_ = 0;
                removed_.push_back(std::move(each));
            } catch (const net::TransportError& error) {
                if (watch_.signal() != 0) break;
                ++unreachable_;
                fail(error);
            } catch (const Error& error) {
                unreachable_ = 0;
                fail(error);
            }
        }
        progress_.wipe();
    }

    void fail(const Error& error) {
        progress_.wipe();
        context_.diagnostics.error(error.what(), error.hint());
        if (code_ == 0) code_ = static_cast<int>(error.code());
    }

    /// Where not all went well, how much did. Throws Interrupted.
    void sum_up() const {
        const auto count =
            fmt::format("{} of {} subscriptions were removed", removed_.size(), total_);
        if (watch_.signal() != 0) {
            throw Interrupted(watch_.signal(), "interrupted: " + count,
                              "pwh list shows those that are left");
        }
        if (code_ != 0 && total_ > 1) context_.diagnostics.note(count);
    }

    const std::vector<ShownSubscription>& removed() const { return removed_; }
    int code() const { return code_; }

  private:
    void remove(const std::string& id) {
        if (!client_.subscriptions().remove(id)) throw no_such(id);
        secrets_.forget(id);
    }

    /// A server that so many requests in a row did not reach is not asked for the rest.
    static constexpr int patience = 3;

    const Context& context_;
    Client& client_;
    const store::SecretStore& secrets_;
    std::size_t total_;
    Progress progress_;
    InterruptWatch watch_;
    std::vector<ShownSubscription> removed_;
    std::size_t number_ = 0;
    int unreachable_ = 0;
    int code_ = 0;
};

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
    auto shown = with_stored_secrets(chosen, secrets);
    if (!confirmed(context, options, shown, client.session().server().address)) {
        context.diagnostics.note("nothing was removed");
        return static_cast<int>(ExitCode::failure);
    }

    const auto print = [&](const std::vector<ShownSubscription>& removed) {
        context.out.write(render_subscriptions(removed, options.format, context.terminal));
    };
    Removal removal(context, client, secrets, chosen.size() + missing.size());
    if (options.dry_run) {
        print(shown);
    } else {
        removal.run(std::move(shown));
        print(removal.removed());
    }
    for (const auto& id : missing) removal.fail(no_such(id));
    if (!options.dry_run) removal.sum_up();
    return removal.code();
}

}  // namespace pwh::commands
