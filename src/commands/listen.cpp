// SPDX-License-Identifier: Apache-2.0
#include "commands/listen.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include "base/file.hpp"
#include "base/service.hpp"
#include "commands/client.hpp"
#include "commands/listen_secrets.hpp"
#include "commands/selection.hpp"
#include "commands/subscribing.hpp"
#include "net/event_loop.hpp"
#include "net/http_server.hpp"
#include "net/transport.hpp"
#include "net/url.hpp"
#include "receiver/receiver.hpp"
#include "receiver/stdout_sink.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;

constexpr auto end_patience = 5s;
constexpr auto end_poll = 10ms;

bool has_controlling_terminal() {
    return static_cast<bool>(UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC)));
}

/// Descriptors that are not connections: streams, the loop, files that are read, Preservica.
constexpr std::size_t other_descriptors = 64;

net::ServerLimits limits_of(const ListenOptions& options, const Diagnostics& diagnostics) {
    net::ServerLimits limits;
    limits.request.body_bytes = options.max_body;
    limits.connections = options.max_connections;
    const auto allowed = raise_descriptor_limit(limits.connections + other_descriptors);
    if (allowed < limits.connections + other_descriptors) {
        limits.connections =
            allowed > 2 * other_descriptors ? allowed - other_descriptors : allowed / 2;
        diagnostics.warning(
            fmt::format("only {} descriptors are allowed: at most {} connections at once", allowed,
                        limits.connections),
            "raise the limit (ulimit -n; LimitNOFILE= in a unit), or lower --max-connections");
    }
    return limits;
}

constexpr std::size_t max_tls_file = 1U << 20U;

/// The files are opened first: OpenSSL's words for one that is missing say little.
std::shared_ptr<const net::TlsContext> load_tls(const ListenOptions& options,
                                                const Diagnostics& diagnostics) {
    if (options.tls_cert.empty() != options.tls_key.empty()) {
        throw UsageError("--tls-cert and --tls-key belong together", "give both, or neither");
    }
    if (options.tls_cert.empty()) return nullptr;
    read_file(options.tls_cert, "--tls-cert", max_tls_file);
    read_file(options.tls_key, "--tls-key", max_tls_file);
    if (others_can_read(options.tls_key)) {
        diagnostics.warning(fmt::format("the key file {} can be read by others", options.tls_key),
                            fmt::format("chmod 600 {}", options.tls_key));
    }
    return std::make_shared<const net::TlsContext>(options.tls_cert, options.tls_key);
}

receiver::ReceiverOptions receiver_options(const ListenOptions& options,
                                           const Diagnostics& diagnostics) {
    receiver::ReceiverOptions receiver;
    receiver.rules.path = options.path;
    receiver.rules.handshake = !options.no_handshake;
    receiver.format =
        options.format == "message" ? receiver::LineFormat::message : receiver::LineFormat::event;
    receiver.triggers = trigger_names(options.triggers, diagnostics);
    receiver.max_events = options.max_events;
    receiver.deduplicate = !options.no_dedupe;
    return receiver;
}

std::string summary_line(const receiver::Receiver& receiver) {
    const auto& summary = receiver.summary();
    std::uint64_t refused = 0;
    std::string reasons;
    for (const auto& [reason, count] : receiver.refusals().counts()) {
        refused += count;
        reasons += fmt::format("{}{} {}", reasons.empty() ? " (" : ", ", reason, count);
    }
    if (!reasons.empty()) reasons += ")";
    return fmt::format("accepted {} messages ({} events), repeated {}, filtered {}, refused {}{}",
                       summary.messages, summary.events, summary.repeated, summary.filtered,
                       refused, reasons);
}

/// One run of `listen`: the loop on the calling thread, and one thread at a time that talks to
/// Preservica.
class Listening {
  public:
    Listening(Context& context, const ListenOptions& options)
        : context_(context),
          diagnostics_(context.diagnostics),
          options_(options),
          settings_(resolve_settings(context)),
          address_(net::parse_listen_address(options.listen)),
          passed_(net::passed_sockets(context.environment)),
          tls_(load_tls(options, diagnostics_)),
          wanted_(plan_subscribing()),
          keyring_(listen_secrets(settings_, options.secret_files, diagnostics_), diagnostics_),
          sink_(STDOUT_FILENO),
          receiver_(loop_, keyring_, sink_, receiver_options(options, diagnostics_), diagnostics_,
                    context.now, [this](receiver::Receiver::End end) { on_receiver_end(end); }),
          server_(loop_, receiver_, limits_of(options, diagnostics_)) {
        if (settings_.store) {
            throw UsageError(
                fmt::format("events can't be stored yet, but {} is set", settings_.store->source),
                "unset it: this version prints events, and stores none");
        }
    }

    int run() {
        server_.use_tls(tls_);
        for (const int fd : passed_) server_.listen(net::ListenSocket::adopt(fd));
        if (passed_.empty()) server_.listen(address_);
        loop_.on_signals({SIGINT, SIGTERM, SIGHUP}, [this](int signal) { on_signal(signal); });
        if (options_.timeout > 0) {
            const std::chrono::duration<double> seconds(options_.timeout);
            timeout_ = loop_.after(std::chrono::ceil<std::chrono::milliseconds>(seconds),
                                   [this] { on_timeout(); });
        }
        diagnostics_.always(fmt::format("listening on {}", own_url()));
        notify_service_manager(context_.environment, "READY=1");
        if (keyring_.empty() && !wanted_) {
            diagnostics_.note(
                "there is no secret yet: waiting for `pwh subscribe` on this machine");
        }
        if (wanted_) start_subscribing();
        loop_.run();
        return finish();
    }

  private:
    /// What --subscribe asks for; the URL may be known only once the port is.
    std::optional<Wanted> plan_subscribing() const {
        if (options_.subscribe.empty()) {
            if (!options_.url.empty() || options_.keep) {
                throw UsageError("--url and --keep belong to --subscribe",
                                 "give --subscribe T as well");
            }
            return std::nullopt;
        }
        Wanted wanted;
        wanted.triggers = trigger_names(options_.subscribe, diagnostics_);
        wanted.ensure = true;
        wanted.temporary = !options_.keep;
        wanted.url = !options_.url.empty() ? options_.url
                     : settings_.url       ? settings_.url->value
                                           : std::string();
        if (!wanted.url.empty()) {
            require_webhook_url(wanted.url);
        } else if (!both_on_loopback()) {
            throw UsageError("the receiver's public URL is missing: Preservica has to reach it",
                             "give --url URL, PWH_URL, or `url` in credentials.properties");
        }
        const auto file =
            options_.secret_files.empty() ? std::string() : options_.secret_files.front();
        wanted.secret = configured_secret(settings_, file, diagnostics_);
        return wanted;
    }

    bool is_unix() const { return server_.authority().starts_with("unix:"); }

    std::string own_url() const {
        if (is_unix()) return server_.authority();
        return fmt::format("{}://{}/", tls_ ? "https" : "http", server_.authority());
    }

    bool both_on_loopback() const {
        if (!passed_.empty() || address_.is_unix()) return false;
        const auto server =
            settings_.server ? net::parse_host_port(settings_.server->value) : std::nullopt;
        return server && net::is_loopback(server->host) && net::is_loopback(address_.host);
    }

    void start_subscribing() {
        if (wanted_->url.empty()) {
            wanted_->url = own_url();
            if (!options_.path.empty()) wanted_->url += options_.path.substr(1);
        }
        at_preservica([this] {
            client_.emplace(context_, settings_);
            subscribe_all(*client_, open_secret_store(settings_), *wanted_, context_.now,
                          diagnostics_, subscribed_);
            for (const auto& each : subscribed_) {
                const auto& subscription = each.shown.subscription;
                diagnostics_.note(fmt::format("subscribed {} to {} (subscription {})",
                                              subscription.url, subscription.trigger,
                                              subscription.id));
                if (!each.shown.secret_stored && !wanted_->secret) {
                    throw Error(
                        ExitCode::failure,
                        fmt::format("the secret of subscription {} is not on this machine: its "
                                    "events can't be "
                                    "verified",
                                    subscription.id),
                        fmt::format("give it with --secret-file, or remove it: pwh unsubscribe {}",
                                    subscription.id));
                }
            }
        });
    }

    /// What a thread hands over of an Error: the exception itself stays where it was thrown.
    struct Failed {
        int code;
        std::string message;
        std::string hint;
    };

    /// Runs `work` on a thread of its own, and tells the loop when it is done. An Error ends the
    /// run with its code.
    template <typename Work>
    void at_preservica(Work work) {
        if (worker_.joinable()) worker_.join();
        working_ = true;
        worker_ = std::thread([this, work] {
            std::optional<Failed> failed;
            try {
                work();
            } catch (const Error& error) {
                failed = Failed{static_cast<int>(error.code()), error.what(), error.hint()};
            } catch (const std::exception& error) {
                failed = Failed{static_cast<int>(ExitCode::failure), error.what(), {}};
            }
            loop_.post([this, failed] {
                working_ = false;
                if (failed) {
                    diagnostics_.error(failed->message, failed->hint);
                    end(failed->code);
                }
            });
        });
    }

    void on_signal(int signal) {
        if (signal == SIGHUP && !has_controlling_terminal()) {
            keyring_.refresh(true);
            reload_tls();
            return;
        }
        if (ending_) std::_Exit(128 + signal);
        end(0);
    }

    /// Connections that are open keep the certificate that they began with.
    void reload_tls() {
        if (!tls_) return;
        try {
            tls_ = load_tls(options_, diagnostics_);
            server_.use_tls(tls_);
            diagnostics_.detail("read the certificate again");
        } catch (const Error& error) {
            diagnostics_.warning(fmt::format("the certificate stays as it was: {}", error.what()),
                                 error.hint());
        }
    }

    void on_timeout() {
        const bool short_of =
            options_.max_events > 0 && receiver_.summary().events < options_.max_events;
        if (short_of) {
            diagnostics_.error(fmt::format("{} of {} events came in {} seconds",
                                           receiver_.summary().events, options_.max_events,
                                           options_.timeout));
        }
        end(static_cast<int>(short_of ? ExitCode::timed_out : ExitCode::ok));
    }

    void on_receiver_end(receiver::Receiver::End how) {
        if (how == receiver::Receiver::End::closed) {
            diagnostics_.error("stdout is closed: events can't be printed any more");
            end(static_cast<int>(ExitCode::failure));
        } else {
            end(0);
        }
    }

    /// Stops accepting, and waits for what is in hand. Of several ends the first decides the code.
    void end(int code) {
        if (ending_) return;
        ending_ = true;
        code_ = code;
        timeout_ = {};
        notify_service_manager(context_.environment, "STOPPING=1");
        receiver_.close();
        server_.drain();
        end_by_ = std::chrono::steady_clock::now() + end_patience;
        end_timer_ = loop_.every(end_poll, [this] { on_end_poll(); });
    }

    void on_end_poll() {
        const bool late = std::chrono::steady_clock::now() >= end_by_;
        const bool in_hand = server_.busy() > 0 || receiver_.in_hand() > 0 || working_;
        if (in_hand && !late) return;
        if (!receiver_stopped_) {
            receiver_stopped_ = true;
            hangs_ = !receiver_.stop(0ms);
            server_.close_all();
            if (!working_ && start_unsubscribing()) {
                end_by_ = std::chrono::steady_clock::time_point::max();
                return;
            }
        }
        end_timer_ = {};
        loop_.stop();
    }

    /// False where nothing is to be unsubscribed.
    bool start_unsubscribing() {
        std::erase_if(subscribed_, [](const Subscribed& each) { return !each.temporary; });
        if (subscribed_.empty()) return false;
        at_preservica([this] {
            const auto secrets = open_secret_store(settings_);
            for (const auto& each : subscribed_) {
                const auto& id = each.shown.subscription.id;
                client_->subscriptions().remove(id);
                secrets.forget(id);
                diagnostics_.detail(fmt::format("unsubscribed {}", id));
            }
        });
        return true;
    }

    int finish() {
        diagnostics_.note(summary_line(receiver_));
        // A thread that nothing can wake is left to the end of the process.
        if (hangs_ || working_) std::_Exit(code_);
        if (worker_.joinable()) worker_.join();
        return code_;
    }

    Context& context_;
    const Diagnostics& diagnostics_;
    const ListenOptions& options_;
    settings::Settings settings_;
    net::ListenAddress address_;
    std::vector<int> passed_;
    std::shared_ptr<const net::TlsContext> tls_;
    std::optional<Wanted> wanted_;
    net::EventLoop loop_;
    receiver::Keyring keyring_;
    receiver::StdoutSink sink_;
    receiver::Receiver receiver_;
    net::HttpServer server_;
    net::EventLoop::Timer timeout_;
    net::EventLoop::Timer end_timer_;
    std::chrono::steady_clock::time_point end_by_{};
    std::optional<Client> client_;
    std::vector<Subscribed> subscribed_;
    std::thread worker_;
    bool working_ = false;
    bool ending_ = false;
    bool receiver_stopped_ = false;
    bool hangs_ = false;
    int code_ = 0;
};

}  // namespace

void setup_listen(CLI::App& app, ListenOptions& options) {
    app.add_option("--listen", options.listen,
                   "where to listen, ADDR:PORT or unix:PATH; port 0 takes any that is free")
        ->type_name("ADDRESS")
        ->capture_default_str();
    app.add_option("--path", options.path, "answer only at this path (any, else)")
        ->type_name("/PATH");
    app.add_option("--secret-file", options.secret_files,
                   "a secret, in a file; may be repeated (else the secret setting, else what `pwh "
                   "subscribe` stored)")
        ->type_name("FILE")
        ->allow_extra_args(false);
    app.add_option(
           "--subscribe", options.subscribe,
           "subscribe to this trigger once ready, and unsubscribe at the end (may be repeated)")
        ->type_name("T");
    app.add_option("--url", options.url, "the receiver's public URL, for --subscribe");
    app.add_flag("--keep", options.keep, "leave what --subscribe made");
    app.add_option("--trigger", options.triggers,
                   "print only events of this trigger (may be repeated)")
        ->type_name("T");
    app.add_option("--format", options.format, "a line for each event, or each message as it came")
        ->check(CLI::IsMember({"event", "message"}))
        ->type_name("event|message")
        ->capture_default_str();
    app.add_option("--max-events", options.max_events,
                   "end after the message that brings the N-th event")
        ->check(CLI::PositiveNumber)
        ->type_name("N");
    app.add_option("--timeout", options.timeout,
                   "end after so many seconds; exit 8 if --max-events were not seen")
        ->check(CLI::PositiveNumber)
        ->type_name("S");
    app.add_option("--max-body", options.max_body, "the largest body that is accepted, in bytes")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{64} << 20U))
        ->type_name("BYTES")
        ->capture_default_str();
    app.add_option("--max-connections", options.max_connections, "connections at once")
        ->check(CLI::Range(1, 1'000'000))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--tls-cert", options.tls_cert,
                   "the certificate to serve HTTPS with, in PEM, its chain behind it")
        ->type_name("FILE");
    app.add_option("--tls-key", options.tls_key, "its private key, in PEM")->type_name("FILE");
    app.add_flag("--no-dedupe", options.no_dedupe,
                 "print a message again when it is delivered again");
    app.add_flag("--no-handshake", options.no_handshake,
                 "answer no handshake: for when every subscription is made");
}

int run_listen(Context& context, const ListenOptions& options) {
    if (!options.path.empty() && options.path.front() != '/') {
        throw UsageError(fmt::format("--path {} does not begin with a slash", options.path),
                         "write --path /" + options.path);
    }
    return Listening(context, options).run();
}

}  // namespace pwh::commands
