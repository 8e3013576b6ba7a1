// SPDX-License-Identifier: Apache-2.0
#include "app/app.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <new>
#include <thread>

#include "app/completion.hpp"
#include "app/help.hpp"
#include "app/wrong_value.hpp"
#include "base/interrupt.hpp"
#include "commands/check.hpp"
#include "commands/events.hpp"
#include "commands/list.hpp"
#include "commands/listen.hpp"
#include "commands/sandbox.hpp"
#include "commands/secret.hpp"
#include "commands/send.hpp"
#include "commands/sign.hpp"
#include "commands/status.hpp"
#include "commands/subscribe.hpp"
#include "commands/unsubscribe.hpp"
#include "commands/verify.hpp"
#include "commands/whoami.hpp"

namespace pwh::app {

namespace {

using commands::bind_command;
using commands::Command;

constexpr std::array table{
    Command{"subscribe", "subscribe a URL to triggers",
            bind_command<commands::SubscribeOptions, commands::setup_subscribe,
                         commands::run_subscribe>},
    Command{"list", "list the subscriptions",
            bind_command<commands::ListOptions, commands::setup_list, commands::run_list>},
    Command{"unsubscribe", "remove subscriptions",
            bind_command<commands::UnsubscribeOptions, commands::setup_unsubscribe,
                         commands::run_unsubscribe>},
    Command{"secret", "print a stored secret, or a fresh one",
            bind_command<commands::SecretOptions, commands::setup_secret, commands::run_secret>},
    Command{"whoami", "show who signs in, and whether that user may administer webhooks",
            bind_command<commands::WhoamiOptions, commands::setup_whoami, commands::run_whoami>},
    Command{"listen", "receive events, verify them, and print them as JSON lines",
            bind_command<commands::ListenOptions, commands::setup_listen, commands::run_listen>},
    Command{"check", "ask an endpoint as Preservica does, and as an attacker would",
            bind_command<commands::CheckOptions, commands::setup_check, commands::run_check>},
    Command{"send", "sign test events and send them to an endpoint",
            bind_command<commands::SendOptions, commands::setup_send, commands::run_send>},
    Command{"sign", "print the signature of an event, or the answer to a handshake",
            bind_command<commands::SignOptions, commands::setup_sign, commands::run_sign>},
    Command{"verify", "tell whether a signature is that of an event",
            bind_command<commands::VerifyOptions, commands::setup_verify, commands::run_verify>},
    Command{"events", "read the event store: print, follow, count, or hand to a command",
            bind_command<commands::EventsOptions, commands::setup_events, commands::run_events>,
            true},
    Command{"status", "tell whether events come in, for monitoring and cron",
            bind_command<commands::StatusOptions, commands::setup_status, commands::run_status>},
    Command{"sandbox", "run a Preservica in miniature, to try pwh and to test scripts",
            bind_command<commands::SandboxOptions, commands::setup_sandbox, commands::run_sandbox>,
            true},
};

/// The global options, and what stands on the command line for them.
struct Globals {
    settings::Flags flags;
    int verbose = 0;
    bool quiet = false;
    bool no_colour = false;
};

void add_globals(CLI::App& app, Globals& globals) {
    auto& flags = globals.flags;
    app.add_option("--server", flags.server, "Preservica's host (PRESERVICA_SERVER)")
        ->type_name("HOST[:PORT]");
    app.add_option("--username", flags.username, "who signs in (PRESERVICA_USERNAME)")
        ->type_name("NAME");
    app.add_option("--tenant", flags.tenant,
                   "the tenant; found out at the login, else (PRESERVICA_TENANT)")
        ->type_name("NAME");
    app.add_option("--credentials", flags.credentials,
                   "a credentials.properties file (PWH_CREDENTIALS)")
        ->type_name("FILE");
    app.add_option("--profile", flags.profile, "the file's section to use (PWH_PROFILE)")
        ->type_name("NAME");
    app.add_option("--protocol", flags.protocol, "https or http (PWH_PROTOCOL)")
        ->type_name("https|http");
    app.add_option("--cacert", flags.ca_file, "certificates to trust, in PEM")->type_name("FILE");
    app.add_option("--state-dir", flags.state_dir,
                   "where pwh keeps secrets and tokens (PWH_STATE_DIR)")
        ->type_name("DIR");
    app.add_option("--connect-timeout", flags.connect_timeout,
                   "how long a connection may take (10)")
        ->type_name("S");
    app.add_option("--request-timeout", flags.request_timeout, "how long a request may take (60)")
        ->type_name("S");
    app.add_option("--retries", flags.retries,
                   "how often a GET or DELETE that failed is made again (3)")
        ->check(CLI::Range(0, 100))
        ->type_name("N");
    app.add_flag("--no-token-cache", flags.no_token_cache,
                 "sign in anew, and keep no access token for the next pwh");
    app.add_flag("--shared-secret", flags.shared_secret,
                 "sign in with the secret that the tenant shares, in the place of the password; "
                 "Preservica is removing this");
    app.add_flag("-v", globals.verbose, "say what is done; -vv shows the HTTP exchange");
    app.add_flag("-q", globals.quiet, "say nothing but errors");
    app.add_flag("--no-color", globals.no_colour, "no colour, also on a terminal");
    app.add_flag("--no-input", flags.no_input, "ask nothing, also on a terminal");
}

Diagnostics make_diagnostics(const Globals& globals, const World& world) {
    const auto verbosity = globals.quiet          ? Verbosity::quiet
                           : globals.verbose >= 2 ? Verbosity::trace
                           : globals.verbose == 1 ? Verbosity::verbose
                                                  : Verbosity::normal;
    const bool dumb = world.environment("TERM").value_or("") == "dumb";
    const bool colour = world.terminal.stderr_is_tty && !globals.no_colour && !dumb &&
                        !world.environment("NO_COLOR");
    return Diagnostics(world.error_fd, verbosity, colour);
}

/// One line of a CLI11 message; never what was given to an option that pwh does not have, which may
/// be a password.
UsageError usage_error(const CLI::ParseError& error, const CLI::App& app,
                       const std::vector<std::string>& arguments) {
    const auto chosen = app.get_subcommands();
    const auto help =
        chosen.empty() ? std::string("pwh help") : "pwh help " + chosen.front()->get_name();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        const auto extras = app.remaining(true);
        std::string first = extras.empty() ? std::string() : extras.front();
        const bool is_option = first.starts_with('-');
        // Of -pPASSWORD only the option, too.
        first = first.starts_with('-') && !first.starts_with("--")
                    ? first.substr(0, 2)
                    : first.substr(0, first.find('='));
        if (is_option) return UsageError(fmt::format("there is no option {}", first), help);
        if (chosen.empty()) return UsageError(fmt::format("there is no command '{}'", first), help);
        return UsageError(fmt::format("'{}' is one argument too many", first), help);
    }
    if (const auto message = wrong_value(error, app, arguments)) return UsageError(*message, help);
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return UsageError(message, help);
}

struct Parsed {
    std::vector<std::string> arguments;
    std::vector<std::string> trailing;
    bool has_trailing = false;
};

/// Takes `-- COMMAND…` off, before CLI11 could take COMMAND's options for ours.
Parsed split_trailing(const std::vector<std::string>& arguments) {
    Parsed parsed;
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    parsed.arguments.assign(arguments.begin(), dashes);
    parsed.has_trailing = dashes != arguments.end();
    if (parsed.has_trailing) parsed.trailing.assign(dashes + 1, arguments.end());
    return parsed;
}

/// CLI11's tree of commands, with what runs each.
class Parser {
  public:
    /// Only a command that `arguments` name can be chosen; the others get no options, which are
    /// most of what a start costs.
    explicit Parser(const std::vector<std::string>& arguments) {
        app_.name("pwh");
        app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        app_.set_help_flag("-h,--help", "show this help");
        app_.set_version_flag("--version", "pwh " PWH_VERSION, "show the version");
        app_.require_subcommand(
            0, 1);  // what follows a command is an argument, also where it reads like another
        add_globals(app_, globals);
        for (const auto& command : table) {
            auto* sub =
                app_.add_subcommand(std::string(command.name), std::string(command.summary));
            sub->fallthrough();
            const bool named =
                std::find(arguments.begin(), arguments.end(), command.name) != arguments.end();
            runs_.push_back(named ? command.setup(*sub) : commands::Run());
        }
        help_ = app_.add_subcommand("help", "explain a command, or exit-codes");
        help_->add_option("TOPIC", topic, "a command, or exit-codes");
    }

    void parse(std::vector<std::string> arguments) {
        std::reverse(arguments.begin(), arguments.end());
        app_.parse(std::move(arguments));
    }

    /// The command that was chosen, and what runs it; nothing where none was.
    const Command* chosen(commands::Run& run) const {
        for (std::size_t i = 0; i < table.size(); ++i) {
            if (!app_.got_subcommand(std::string(table[i].name))) continue;
            run = runs_[i];
            return &table[i];
        }
        return nullptr;
    }

    bool wants_help() const { return help_->parsed(); }
    CLI::App& app() { return app_; }

    Globals globals;
    std::string topic;

  private:
    CLI::App app_{"Webhook administration, and a receiver that verifies all, for Preservica"};
    CLI::App* help_ = nullptr;
    std::vector<commands::Run> runs_;
};

commands::Context make_context(const World& world, const Diagnostics& diagnostics,
                               settings::Flags flags, std::vector<std::string> trailing) {
    return {
        .environment = world.environment,
        .terminal = world.terminal,
        .diagnostics = diagnostics,
        .out = world.out,
        .now = [] { return std::chrono::system_clock::now(); },
        .sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
        .flags = std::move(flags),
        .trailing = std::move(trailing),
        .make_http =
            [](net::ClientOptions options) { return net::make_http_client(std::move(options)); },
        .ask = [](const std::string& prompt, bool secret) { return ask(prompt, secret); },
    };
}

int dispatch(Parser& parser, Parsed parsed, const World& world, const Diagnostics& diagnostics) {
    commands::Run run;
    const auto* command = parser.chosen(run);
    if (parser.wants_help() || (command == nullptr && parsed.arguments.empty())) {
        world.out.write(help_text(parser.app(), parser.topic));
        return 0;
    }
    if (command == nullptr) throw UsageError("no command was given", "pwh help lists them");
    if (parsed.has_trailing && !command->runs_command) {
        throw UsageError(
            fmt::format("{} runs no command, so nothing may stand behind --", command->name),
            fmt::format("pwh help {}", command->name));
    }
    if (parsed.has_trailing && parsed.trailing.empty()) {
        throw UsageError("there is no command behind --",
                         fmt::format("pwh help {}", command->name));
    }
    auto context =
        make_context(world, diagnostics, parser.globals.flags, std::move(parsed.trailing));
    return run(context);
}

/// Says nothing on stderr, which would land in the line that is being typed.
int complete(std::vector<std::string> arguments, const World& world) {
    arguments.erase(arguments.begin());
    Parser parser(arguments);
    const Diagnostics diagnostics(world.error_fd, Verbosity::quiet);
    auto context = make_context(world, diagnostics, {}, {});
    try {
        world.out.write(completions(parser.app(), arguments, context));
    } catch (const std::exception&) {
        return static_cast<int>(ExitCode::failure);
    }
    return 0;
}

}  // namespace

std::span<const commands::Command> command_table() {
    return table;
}

int run(const std::vector<std::string>& arguments, const World& world) {
    if (!arguments.empty() && arguments.front() == completion_command) {
        return complete(arguments, world);
    }
    auto parsed = split_trailing(arguments);
    Parser parser(parsed.arguments);
    Diagnostics diagnostics(world.error_fd);
    try {
        try {
            parser.parse(parsed.arguments);
        } catch (const CLI::CallForHelp&) {
            const auto chosen = parser.app().get_subcommands();
            world.out.write(
                help_text(parser.app(), chosen.empty() ? "" : chosen.back()->get_name()));
            return 0;
        } catch (const CLI::CallForVersion& version) {
            world.out.write(std::string(version.what()) + "\n");
            return 0;
        } catch (const CLI::ParseError& error) {
            throw usage_error(error, parser.app(), parsed.arguments);
        }
        diagnostics = make_diagnostics(parser.globals, world);
        return dispatch(parser, std::move(parsed), world, diagnostics);
    } catch (const Interrupted& error) {
        diagnostics.error(error.what(), error.hint());
        end_by_signal(error.signal());
        return static_cast<int>(error.code());
    } catch (const Error& error) {
        diagnostics.error(error.what(), error.hint());
        return static_cast<int>(error.code());
    } catch (const std::bad_alloc&) {
        diagnostics.error("out of memory");
    } catch (const std::exception& error) {
        diagnostics.error(error.what());
    }
    return static_cast<int>(ExitCode::failure);
}

}  // namespace pwh::app
