// SPDX-License-Identifier: Apache-2.0
#include "commands/secret.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "commands/client.hpp"
#include "preservica/signature.hpp"

namespace pwh::commands {

void setup_secret(CLI::App& app, SecretOptions& options) {
    app.add_option("ID", options.id,
                   "a subscription's id; without one, a fresh secret that is stored nowhere");
    app.footer(
        "To hand it to the host that runs the receiver: pwh secret ID | ssh HOST 'umask 077; cat > "
        "FILE'");
}

int run_secret(Context& context, const SecretOptions& options) {
    if (options.id.empty()) {
        context.out.write(preservica::generate_secret() + "\n");
        return static_cast<int>(ExitCode::ok);
    }
    const auto settings = resolve_settings(context);
    const auto secret = open_secret_store(settings).find(options.id);
    if (!secret) {
        throw Error(ExitCode::not_found,
                    fmt::format("no secret is stored for subscription {}", options.id),
                    fmt::format("secrets are kept on the machine that subscribed, in {}",
                                settings.state_dir.value));
    }
    context.out.write(*secret + "\n");
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
