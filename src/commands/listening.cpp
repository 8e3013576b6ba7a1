// SPDX-License-Identifier: Apache-2.0
#include "commands/listening.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/service.hpp"
#include "commands/background_work.hpp"
#include "commands/client.hpp"
#include "commands/listen_output.hpp"
#include "commands/listen_resources.hpp"
#include "commands/listen_secrets.hpp"
#include "commands/selection.hpp"
#include "commands/subscribing.hpp"
#include "net/event_loop.hpp"
#include "net/url.hpp"
#include "receiver/receiver.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;

constexpr auto end_patience = 5s;
constexpr auto end_poll = 10ms;

bool has_controlling_terminal() {
    return static_cast<bool>(UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC)));
}

receiver::ReceiverOptions receiver_options(const ListenOptions& options,
                                           const Diagnostics& diagnostics) {
    receiver::ReceiverOptions receiver;
    receiver.rules.path = options.path;
    receiver.rules.handshake = !options.no_handshake;
    receiver.format = line_format(options);
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
          output_(options, settings_, diagnostics_, context.now),
          receiver_(loop_, keyring_, output_.sink(), receiver_options(options, diagnostics_),
                    diagnostics_, context.now,
                    [this](receiver::Receiver::End end) { on_receiver_end(end); }),
          server_(loop_, receiver_, limits_of(options, diagnostics_)),
          work_(loop_, [this](const BackgroundWork::Failed& failed) {
              diagnostics_.error(failed.message, failed.hint);
              if (ending_ && code_ == 0) code_ = failed.code;
              end(failed.code);
          }) {
        output_.remember(receiver_);
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
        work_.start([this] {
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
        const bool in_hand = server_.busy() > 0 || receiver_.in_hand() > 0 || work_.running();
        if (in_hand && !late) return;
        if (!receiver_stopped_) {
            receiver_stopped_ = true;
            hangs_ = !receiver_.stop(0ms);
            server_.close_all();
        }
        if (!output_.finished() && !late) return;
        output_.finish();
        if (!std::exchange(unsubscribing_, true) && !work_.running() && start_unsubscribing()) {
            end_by_ = std::chrono::steady_clock::time_point::max();
            return;
        }
        end_timer_ = {};
        loop_.stop();
    }

    /// False where nothing is to be unsubscribed.
    bool start_unsubscribing() {
        std::erase_if(subscribed_, [](const Subscribed& each) { return !each.temporary; });
        if (subscribed_.empty()) return false;
        work_.start([this] {
            const auto secrets = open_secret_store(settings_);
            for (const auto& each : subscribed_) unsubscribe(each.shown.subscription.id, secrets);
        });
        return true;
    }

    void unsubscribe(const std::string& id, const store::SecretStore& secrets) {
        try {
            client_->subscriptions().remove(id);
        } catch (const Error& error) {
            throw Error(error.code(),
                        fmt::format("subscription {} is left at Preservica: {}", id, error.what()),
                        fmt::format("pwh unsubscribe {}", id));
        }
        secrets.forget(id);
        diagnostics_.detail(fmt::format("unsubscribed {}", id));
    }

    int finish() {
        diagnostics_.note(summary_line(receiver_));
        // A thread that nothing can wake is left to the end of the process.
        if (hangs_ || work_.running()) std::_Exit(code_);
        work_.join();
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
    ListenOutput output_;
    receiver::Receiver receiver_;
    net::HttpServer server_;
    net::EventLoop::Timer timeout_;
    net::EventLoop::Timer end_timer_;
    std::chrono::steady_clock::time_point end_by_{};
    std::optional<Client> client_;
    std::vector<Subscribed> subscribed_;
    BackgroundWork work_;
    bool ending_ = false;
    bool receiver_stopped_ = false;
    bool unsubscribing_ = false;
    bool hangs_ = false;
    int code_ = 0;
};

}  // namespace

int listen(Context& context, const ListenOptions& options) {
    return Listening(context, options).run();
}

}  // namespace pwh::commands
