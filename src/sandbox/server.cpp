// SPDX-License-Identifier: Apache-2.0
#include "sandbox/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sandbox/answers.hpp"
#include "sandbox/handshake.hpp"

namespace pwh::sandbox {

namespace {

constexpr std::size_t handshakes_at_once = 4;
constexpr std::size_t handshakes_waiting = 100;
constexpr std::size_t most_of_answer = 1U << 20U;

net::ServerLimits server_limits() {
    net::ServerLimits limits;
    limits.request.body_bytes = 64U << 10U;
    return limits;
}

}  // namespace

/// A request that waits for its answer.
struct Sandbox::Asked {
    std::string what;  ///< method and path, for the log
    net::Reply reply;
};

Sandbox::Sandbox(net::EventLoop& loop, SandboxSettings settings, MakeHttp make_http, WallClock now,
                 const Diagnostics& diagnostics)
    : loop_(loop),
      settings_(std::move(settings)),
      make_http_([make = std::move(make_http), ca = settings_.ca_file](net::ClientOptions options) {
          options.ca_file = ca;
          return make(std::move(options));
      }),
      now_(std::move(now)),
      diagnostics_(diagnostics),
      api_(now_, settings_.token_lifetime),
      round_(settings_.triggers),
      server_(loop, *this, server_limits()),
      handshakes_(handshakes_at_once, handshakes_waiting) {}

Sandbox::~Sandbox() {
    stopping_ = true;
    for (const auto& [id, deliverer] : deliverers_) deliverer->stop();
}

void Sandbox::start(const net::ListenAddress& address) {
    server_.listen(address);
    if (!settings_.emit_per_second) return;
    schedule_.emplace(*settings_.emit_per_second, std::chrono::steady_clock::now());
    plan_emission();
}

std::optional<net::Response> Sandbox::on_head(const net::RequestHead&, const std::string&) {
    return std::nullopt;
}

void Sandbox::on_request(const net::RequestHead& head, std::string& body, net::Reply reply) {
    ApiRequest request;
    request.method = head.method();
    request.path = head.path();
    request.token = head.field("Preservica-Access-Token");
    request.body = std::move(body);
    const auto asked = std::make_shared<const Asked>(
        Asked{fmt::format("{} {}", request.method, request.path), std::move(reply)});
    const auto decision = api_.decide(request);
    if (decision.handshake) return start_handshake(asked, *decision.handshake);
    if (!decision.unsubscribed.empty()) end_deliveries(decision.unsubscribed);
    answer(*asked, decision.response);
}

void Sandbox::answer(const Asked& asked, const net::Response& response) const {
    diagnostics_.detail(fmt::format("{}: {}", asked.what, response.status));
    asked.reply(response);
}

void Sandbox::start_handshake(const std::shared_ptr<const Asked>& asked,
                              const preservica::NewSubscription& wanted) {
    const bool accepted = handshakes_.run([this, asked, wanted] {
        auto fault = shake_hands(wanted);
        loop_.post([this, asked, wanted, fault] { finish_handshake(*asked, wanted, fault); });
    });
    if (!accepted) answer(*asked, refusal(429, "too many handshakes wait for an answer"));
}

std::optional<std::string> Sandbox::shake_hands(const preservica::NewSubscription& wanted) const {
    net::ClientOptions options;
    options.connect_timeout = receiver_time;
    options.request_timeout = receiver_time;
    options.max_response_bytes = most_of_answer;
    options.cancelled = [this] { return stopping_.load(); };
    try {
        // A client of its own: a connection left open could keep a receiver that serves one at a
        // time.
        return run_handshake(*make_http_(std::move(options)), wanted);
    } catch (const std::exception& error) {
        return fmt::format("the sandbox could not ask it: {}", error.what());
    }
}

void Sandbox::finish_handshake(const Asked& asked, const preservica::NewSubscription& wanted,
                               const std::optional<std::string>& fault) {
    if (fault) return answer(asked, api_.not_subscribed(*fault));
    const auto response = api_.subscribed(wanted);
    if (response.status == 200) {
        const auto& entry = api_.subscriptions().entries().back();
        deliverers_.emplace(entry.id, std::make_unique<Deliverer>(entry, make_http_, diagnostics_));
    }
    answer(asked, response);
}

void Sandbox::end_deliveries(const std::string& subscription_id) {
    std::erase_if(retired_, [](const auto& deliverer) { return deliverer->stopped(); });
    const auto found = deliverers_.find(subscription_id);
    if (found == deliverers_.end()) return;
    found->second->stop();
    retired_.push_back(std::move(found->second));
    deliverers_.erase(found);
}

void Sandbox::plan_emission() {
    const auto wait = schedule_->until_next(std::chrono::steady_clock::now());
    emit_timer_ = loop_.after(wait, [this] { emit_due(); });
}

void Sandbox::emit_due() {
    const auto due = schedule_->take_due(std::chrono::steady_clock::now());
    for (std::size_t i = 0; i < due; ++i) emit_one();
    plan_emission();
}

void Sandbox::emit_one() {
    const auto subscriptions = api_.subscriptions().entries();
    const auto trigger = round_.next([&subscriptions](const std::string& name) {
        return std::any_of(subscriptions.begin(), subscriptions.end(),
                           [&name](const auto& entry) { return entry.wanted.trigger == name; });
    });
    if (!trigger) return;
    const auto event = invent_event(*trigger, events_++);
    preservica::MessageContent content;
    content.timestamp = now_();
    content.tenant = tenant;
    content.version = version;
    content.trigger = *trigger;
    for (const auto& entry : subscriptions) {
        if (entry.wanted.trigger != *trigger) continue;
        content.subscription_id = entry.id;
        content.events = {event};
        if (!entry.wanted.include_identifiers) content.events.front().identifiers.clear();
        deliverers_.at(entry.id)->push(preservica::build_message(content));
    }
}

}  // namespace pwh::sandbox
