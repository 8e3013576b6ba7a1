// SPDX-License-Identifier: Apache-2.0
#include "commands/send.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/interrupt.hpp"
#include "commands/client.hpp"
#include "commands/endpoint.hpp"
#include "commands/progress.hpp"
#include "commands/selection.hpp"
#include "commands/send_report.hpp"
#include "commands/signing.hpp"
#include "preservica/probe.hpp"
#include "preservica/signature.hpp"
#include "sandbox/identifiers.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Kind = net::TransportError::Kind;

/// An endpoint that is silent for so long will not answer the rest either.
constexpr std::size_t most_silence = 10;
constexpr auto longest_sleep = 100ms;

constexpr auto footer =
    R"(Writes a line to stdout for each kind of answer: its status (or no-answer), a tab, how many. Exits with 3 where
any was not 2xx. With --count, each message is another (its time; a random entity, unless --entity names one), all
go over one connection, and rate and latency stand on stderr at the end.

--data sends a file's bytes as they are, each time the same; they are signed like any other. --trigger changes
nothing then. A receiver takes these messages for real ones: pwh check asks without leaving an event.)";

std::pair<std::string, std::string> parse_identifier(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        throw UsageError(fmt::format("--identifier {} is no type and value", text),
                         "write it as TYPE=VALUE, for instance BatchId=42");
    }
    return {text.substr(0, equals), text.substr(equals + 1)};
}

class Sending {
  public:
    Sending(Context& context, const SendOptions& options)
        : context_(context),
          options_(options),
          settings_(resolve_settings(context)),
          url_(endpoint_url(options.url, settings_)),
          progress_(context, "sending", options.count) {
        if (options.data.empty()) {
            maker_.emplace(options, tenant(), context.diagnostics);
        } else {
            data_ = read_body(options.data, options.secret_file);
        }
        signer_.emplace(the_secret(settings_, options.secret_file, context.diagnostics));
        http_ = endpoint_client(context, settings_);
    }

    int run() {
        const InterruptWatch watch;
        const auto start = Clock::now();
        for (std::uint32_t number = 0; number < options_.count; ++number) {
            wait_for_turn(start, number);
            if (interrupted()) break;
            send_one();
            if (hopeless_ || report_.silence() >= most_silence) break;
            progress_.show(number + 1);
        }
        progress_.wipe();
        return finish(Clock::now() - start, watch.signal());
    }

  private:
    std::string tenant() const {
        return settings_.tenant ? settings_.tenant->value : std::string(preservica::probe_tenant);
    }

    void wait_for_turn(Clock::time_point start, std::uint32_t number) const {
        if (options_.rate <= 0) return;
        const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(number / options_.rate));
        for (auto now = Clock::now(); now < due && !interrupted(); now = Clock::now()) {
            const auto rest = std::chrono::ceil<std::chrono::milliseconds>(due - now);
            context_.sleep(std::min<std::chrono::milliseconds>(rest, longest_sleep));
        }
    }

    void send_one() {
        auto body = maker_ ? maker_->next(context_.now()) : data_;
        const auto signature = signer_->sign_event(body);
        const auto request = preservica::event_request(url_, std::move(body), signature);
        const auto begin = Clock::now();
        try {
            const auto answer = http_->perform(request);
            const auto took =
                std::chrono::duration_cast<SendReport::Duration>(Clock::now() - begin);
            report_.add_answer(answer.status, took);
            context_.diagnostics.detail(
                fmt::format("status {} after {}", answer.status, spoken_duration(took)));
            note_refusal(answer);
        } catch (const net::TransportError& error) {
            if (error.kind() == Kind::cancelled) return;
            note_silence(error);
        }
    }

    void note_refusal(const net::ClientResponse& answer) {
        if (failure_ || (answer.status >= 200 && answer.status < 300)) return;
        const bool redirect = answer.status >= 300 && answer.status < 400;
        failure_.emplace(ExitCode::endpoint_failed,
                         fmt::format("the endpoint answered with {}{}",
                                     redirect ? "a redirect, status " : "status ", answer.status),
                         redirect ? "give the URL that it leads to; nothing follows it"
                                  : "pwh check finds out what it refuses");
    }

    void note_silence(const net::TransportError& error) {
        // The way to the endpoint is not there; it will not be for the next message either.
        const bool no_way = error.kind() == Kind::resolve || error.kind() == Kind::connect ||
                            error.kind() == Kind::tls || error.kind() == Kind::proxy;
        hopeless_ = no_way && report_.sent() == report_.failures();
        report_.add_failure();
        context_.diagnostics.detail(error.what());
        if (!failure_) failure_.emplace(ExitCode::endpoint_failed, error.what(), error.hint());
    }

    int finish(Clock::duration elapsed, int signal) {
        context_.out.write(report_.lines());
        if (options_.count > 1 && report_.sent() > 0) {
            context_.diagnostics.note(
                fmt::format("{}; answers {}", report_.summary(elapsed), report_.answers()));
        }
        if (signal != 0) {
            throw Interrupted(signal, fmt::format("interrupted after {} of {} messages",
                                                  report_.sent(), options_.count));
        }
        if (!failure_) return static_cast<int>(ExitCode::ok);
        if (options_.count == 1) {
            throw Error(ExitCode::endpoint_failed, failure_->what(), failure_->hint());
        }
        const auto gave_up = report_.sent() < options_.count ? ", the rest was not sent" : "";
        throw Error(ExitCode::endpoint_failed,
                    fmt::format("{} of {} messages were not accepted{}; the first: {}",
                                report_.sent() - report_.accepted(), report_.sent(), gave_up,
                                failure_->what()),
                    failure_->hint());
    }

    Context& context_;
    const SendOptions& options_;
    settings::Settings settings_;
    std::string url_;
    Progress progress_;
    std::optional<MessageMaker> maker_;
    std::string data_;
    std::optional<preservica::Signer> signer_;
    std::unique_ptr<net::HttpClient> http_;
    SendReport report_;
    std::optional<Error> failure_;
    bool hopeless_ = false;
};

}  // namespace

MessageMaker::MessageMaker(const SendOptions& options, std::string tenant,
                           const Diagnostics& diagnostics)
    : entities_(options.entities) {
    if (options.trigger.empty()) {
        throw UsageError("it is not said what to send",
                         "give --trigger T, or the bytes of a body with --data FILE");
    }
    if (std::find(entities_.begin(), entities_.end(), "") != entities_.end()) {
        throw UsageError("--entity is empty", "leave it out for a random one");
    }
    content_.subscription_id = preservica::test_subscription;
    content_.tenant = std::move(tenant);
    content_.version = preservica::probe_version;
    content_.trigger = trigger_names({options.trigger}, diagnostics).front();
    event_.event = preservica::event_name(content_.trigger);
    event_.entity_type = options.type;
    for (const auto& each : options.identifiers) {
        event_.identifiers.push_back(parse_identifier(each));
    }
}

std::string MessageMaker::next(WallTime now) {
    // Messages carry milliseconds, and the same bytes would be a repeat.
    content_.timestamp = std::max(now, content_.timestamp + 1ms);
    content_.events.clear();
    for (const auto& entity : entities_) {
        event_.entity_ref = entity;
        content_.events.push_back(event_);
    }
    if (entities_.empty()) {
        event_.entity_ref = sandbox::random_uuid();
        content_.events.push_back(event_);
    }
    return preservica::build_message(content_);
}

void setup_send(CLI::App& app, SendOptions& options) {
    app.add_option("URL", options.url, "the endpoint (PWH_URL, else)");
    app.add_option("--trigger", options.trigger, "what the message is about")->type_name("T");
    app.add_option("--entity", options.entities,
                   "an entity's reference; each --entity makes one more event of the message (a "
                   "random one, else)")
        ->type_name("REF")
        ->allow_extra_args(false);
    app.add_option("--type", options.type,
                   "what the entities are: asset (IO), folder (SO), content object (CO)")
        ->check(CLI::IsMember({"IO", "SO", "CO"}))
        ->type_name("IO|SO|CO")
        ->capture_default_str();
    app.add_option("--identifier", options.identifiers,
                   "an identifier of the entities (may be repeated)")
        ->type_name("K=V")
        ->allow_extra_args(false);
    app.add_option("--data", options.data, "send the bytes of this file, or of stdin (-)")
        ->type_name("FILE");
    app.add_option("--count", options.count, "send so many messages")
        ->check(CLI::Range(1, 10'000'000))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--rate", options.rate, "so many a second (as many as go, else)")
        ->check(CLI::Range(0.001, 1e6))
        ->type_name("R");
    add_secret_option(app, options.secret_file);
    app.footer(footer);
}

int run_send(Context& context, const SendOptions& options) {
    if (std::isnan(options.rate)) throw UsageError("--rate is no number", "pwh help send");
    if (!options.data.empty() && options.describes_message()) {
        throw UsageError(
            "--data sends bytes as they are: --entity, --type and --identifier don't go with it",
            "give either --data FILE, or what the message is made of");
    }
    if (!options.trigger.empty() && !options.data.empty()) {
        trigger_names({options.trigger}, context.diagnostics);
    }
    return Sending(context, options).run();
}

}  // namespace pwh::commands
