// SPDX-License-Identifier: Apache-2.0
#include "app/help.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.hpp"

namespace pwh::app {

namespace {

constexpr auto exit_codes =
    R"(0  done (a filter that matches nothing is done, too)
1  any other failure
2  the command line or a setting is wrong
3  check, send: the endpoint failed or did not answer; verify: the signature does not match;
   subscribe: Preservica refused because the endpoint did not pass the handshake
4  not authenticated: no or wrong credentials, second factor missing
5  not allowed: the user lacks the role
6  no such subscription (secret: none stored)
7  Preservica or the network is not available
8  time ran out before --max-events were seen
9  status: something is wrong

sandbox -- COMMAND exits with COMMAND's code: 126 cannot run, 127 not found, 128+N ended by signal N.
Where several things fail in one run, the first decides.
)";

}  // namespace

std::string help_text(const CLI::App& app, const std::string& topic) {
    // App::help() would explain the command that was chosen, which is `help`.
    const auto explain = [&](const CLI::App& each, const std::string& name) {
        return app.get_formatter()->make_help(&each, name, CLI::AppFormatMode::Normal);
    };
    if (topic.empty()) return explain(app, "pwh");
    if (topic == "exit-codes") return exit_codes;
    const auto commands =
        app.get_subcommands([&](const CLI::App* each) { return each->get_name() == topic; });
    if (commands.empty()) {
        throw UsageError(fmt::format("there is no help for '{}'", topic),
                         "pwh help lists the commands; there is also pwh help exit-codes");
    }
    return explain(*commands.front(), "pwh " + topic);
}

}  // namespace pwh::app
