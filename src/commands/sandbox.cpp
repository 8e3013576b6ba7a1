// SPDX-License-Identifier: Apache-2.0
#include "commands/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>  // mkdtemp
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "base/child.hpp"
#include "base/file.hpp"
#include "base/terminal.hpp"
#include "commands/selection.hpp"
#include "net/event_loop.hpp"
#include "net/url.hpp"
#include "preservica/trigger.hpp"
#include "sandbox/accounts.hpp"
#include "sandbox/server.hpp"

namespace pwh::commands {

namespace {

constexpr double most_messages = 10'000;  // a second
constexpr double longest_lifetime = 1e8;  // seconds: three years

using Variables = std::vector<std::pair<std::string, std::string>>;

/// A folder of its own for one run, 0700; gone with its owner.
class PrivateFolder {
  public:
    explicit PrivateFolder(const std::string& parent) : path_(parent + "/pwh-sandbox-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) fail_to_make(path_);
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder() {
        std::error_code ignored;  // what a command made unreadable in it stays
        std::filesystem::remove_all(path_, ignored);
    }

    /// Makes an empty folder in it, and returns its path.
    std::string add_folder(const std::string& name) const {
        auto path = path_ + "/" + name;
        if (::mkdir(path.c_str(), 0700) != 0) fail_to_make(path);
        return path;
    }

    /// Makes an empty file in it, and returns its path.
    std::string add_file(const std::string& name) const {
        auto path = path_ + "/" + name;
        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file) fail_to_make(path);
        return path;
    }

  private:
    [[noreturn]] static void fail_to_make(const std::string& path) {
        throw Error(ExitCode::failure, fmt::format("cannot make {}: {}", path, errno_text(errno)),
                    "set TMPDIR to a folder that can be written");
    }

    std::string path_;
};

net::ListenAddress loopback_address(const std::string& text) {
    auto address = net::parse_listen_address(text);
    if (address.is_unix() || !net::is_loopback(address.host)) {
        throw UsageError(
            fmt::format("the sandbox does not listen on {}: everybody knows its passwords", text),
            "use a loopback address, for instance 127.0.0.1:0");
    }
    return address;
}

sandbox::SandboxSettings sandbox_settings(const Context& context, const SandboxOptions& options) {
    if (options.emit && !(*options.emit > 0 && *options.emit <= most_messages)) {
        throw UsageError(
            fmt::format("--emit {} is not a rate", *options.emit),
            fmt::format("give messages a second: more than 0, at most {}", most_messages));
    }
    if (!(options.token_lifetime > 0 && options.token_lifetime <= longest_lifetime)) {
        throw UsageError(
            fmt::format("--token-lifetime {} is not a number of seconds", options.token_lifetime),
            fmt::format("give more than 0, at most {}", longest_lifetime));
    }
    sandbox::SandboxSettings settings;
    settings.emit_per_second = options.emit;
    settings.token_lifetime = std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::duration<double>(options.token_lifetime));
    settings.triggers = trigger_names(options.triggers, context.diagnostics);
    if (settings.triggers.empty()) {
        for (const auto& known : preservica::known_triggers()) {
            settings.triggers.emplace_back(known.api);
        }
    }
    settings.ca_file = context.flags.ca_file.value_or("");
    return settings;
}

/// What a program needs to reach the sandbox.
Variables access_variables(const std::string& authority) {
    return {{"PRESERVICA_SERVER", authority},
            {"PRESERVICA_USERNAME", sandbox::accounts().front().username},
            {"PRESERVICA_PASSWORD", std::string(sandbox::password)},
            {"PRESERVICA_TENANT", std::string(sandbox::tenant)},
            {"PWH_PROTOCOL", "http"}};
}

ChildEnvironment command_environment(const std::string& authority, const PrivateFolder& folder) {
    ChildEnvironment environment;
    environment.remove_all("PWH_");
    environment.remove_all("PRESERVICA_");
    for (const auto& [name, value] : access_variables(authority)) environment.set(name, value);
    environment.set("PWH_STATE_DIR", folder.add_folder("state"));
    environment.set("PWH_CREDENTIALS", folder.add_file("credentials.properties"));
    return environment;
}

bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// Calls `handler` for the signals that end a program, but not for one that was ignored from the
/// start (nohup, a shell's background jobs).
template <typename Handler>
void on_ending_signals(net::EventLoop& loop, const Handler& handler) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (!is_ignored(signal)) loop.on_signals({signal}, handler);
    }
}

int serve_until_signal(net::EventLoop& loop, Context& context, const std::string& authority) {
    on_ending_signals(loop, [&loop](int) { loop.stop(); });
    std::string lines;
    for (const auto& [name, value] : access_variables(authority)) {
        lines += fmt::format("export {}='{}'\n", name, value);
    }
    context.out.write(lines);
    context.diagnostics.always(fmt::format("sandbox on http://{}/", authority));
    loop.run();
    return 0;
}

int serve_command(net::EventLoop& loop, Context& context, const std::string& authority) {
    const PrivateFolder folder(context.environment("TMPDIR").value_or("/tmp"));
    context.diagnostics.always(fmt::format("sandbox on http://{}/", authority));
    std::optional<Child> child;
    bool told_to_end = false;
    // Set up first, so that no signal ends the sandbox alone; the loop, and so the handler, runs
    // later.
    on_ending_signals(loop, [&child, &told_to_end](int signal) {
        if (signal == SIGINT && is_in_foreground()) return;
        child->signal(signal == SIGTERM && told_to_end ? SIGKILL : signal);
        told_to_end = told_to_end || signal == SIGTERM;
    });
    child.emplace(ChildCommand{context.trailing, command_environment(authority, folder)});
    int code = 0;
    const std::jthread waiter([&loop, &child, &code] {
        const int ended_with = child->wait();
        loop.post([&loop, &code, ended_with] {
            code = ended_with;
            loop.stop();
        });
    });
    loop.run();
    return code;
}

std::string accounts_help() {
    std::string text =
        "COMMAND runs with PRESERVICA_* and PWH_PROTOCOL set for the sandbox, and with an empty "
        "state\n"
        "folder; the sandbox ends with it, and with its exit code. Without a COMMAND, lines to "
        "eval in\n"
        "a shell are printed, and the sandbox runs until it is interrupted.\n\n";
    text +=
        fmt::format("Tenant {}; everybody's password is {}:\n", sandbox::tenant, sandbox::password);
    for (const auto& account : sandbox::accounts()) {
        text += fmt::format("  {:<27}{}\n", account.username, account.what_for);
        if (!account.second_factor_seed.empty()) {
            text += fmt::format("  {:<27}(seed {})\n", "", account.second_factor_seed);
        }
    }
    text += fmt::format("The shared secret for external authentication is {}.\n\n",
                        sandbox::shared_secret);
    text +=
        "A message that is not answered with 2xx within 10 s comes again after 0.25 s, doubling "
        "to\n"
        "30 s, 8 times at most. 1,000 may wait for each subscription.";
    return text;
}

}  // namespace

void setup_sandbox(CLI::App& app, SandboxOptions& options) {
    app.add_option("--listen", options.listen, "a loopback address; port 0 takes any that is free")
        ->type_name("ADDR:PORT")
        ->capture_default_str();
    app.add_option("--emit", options.emit,
                   "publish so many messages a second to who has subscribed")
        ->type_name("RATE");
    app.add_option("--trigger", options.triggers,
                   "publish this trigger's messages only (may be repeated; else all in turn)")
        ->type_name("T")
        ->allow_extra_args(false);
    app.add_option("--token-lifetime", options.token_lifetime, "how long an access token lives")
        ->type_name("S")
        ->capture_default_str();
    app.footer(accounts_help());
}

int run_sandbox(Context& context, const SandboxOptions& options) {
    const auto address = loopback_address(options.listen);
    auto settings = sandbox_settings(context, options);
    net::EventLoop loop;
    sandbox::Sandbox sandbox(loop, std::move(settings), context.make_http, context.now,
                             context.diagnostics);
    sandbox.start(address);
    const auto authority = sandbox.authority();
    if (context.trailing.empty()) return serve_until_signal(loop, context, authority);
    return serve_command(loop, context, authority);
}

}  // namespace pwh::commands
