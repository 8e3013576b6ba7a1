// SPDX-License-Identifier: Apache-2.0
#include "commands/list.hpp"

#include <CLI/CLI.hpp>

#include "commands/client.hpp"
#include "commands/subscribing.hpp"

namespace pwh::commands {

void setup_list(CLI::App& app, ListOptions& options) {
    app.add_option("--trigger", options.selection.triggers,
                   "only those with this trigger (may be repeated)")
        ->type_name("T");
    app.add_option("--url", options.selection.url, "only those with this URL");
    add_output_options(app, options.format);
}

int run_list(Context& context, const ListOptions& options) {
    trigger_names(options.selection.triggers, context.diagnostics);
    const auto settings = resolve_settings(context);
    Client client(context, settings);
    auto found = options.selection.of(client.subscriptions().list());
    const auto shown = with_stored_secrets(std::move(found), open_secret_store(settings));
    context.out.write(render_subscriptions(shown, options.format, context.terminal));
    if (shown.empty()) context.diagnostics.note("no subscriptions");
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
