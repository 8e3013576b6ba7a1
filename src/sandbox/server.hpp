// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "net/event_loop.hpp"
#include "net/http_server.hpp"
#include "sandbox/api.hpp"
#include "sandbox/deliverer.hpp"
#include "sandbox/emission.hpp"
#include "sandbox/workers.hpp"

namespace pwh::sandbox {

struct SandboxSettings {
    std::chrono::milliseconds token_lifetime{900'000};
    std::optional<double> emit_per_second;
    std::vector<std::string> triggers;  ///< the API's names, to emit in turn
    std::string ca_file;                ///< to verify receivers with; empty: the system's
};

/// The sandbox on one event loop: it serves the API, runs handshakes on threads of their own, and
/// hands the messages that it makes up to the deliverers.
class Sandbox final : private net::RequestHandler {
  public:
    /// The loop, and what the others refer to, have to outlive it. `make_http` is called on several
    /// threads.
    Sandbox(net::EventLoop& loop, SandboxSettings settings, MakeHttp make_http, WallClock now,
            const Diagnostics& diagnostics);
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;
    /// Gives up what is being sent, and waits a second or so for that.
    ~Sandbox() override;

    /// Listens, and starts to emit. Throws as HttpServer::listen does.
    void start(const net::ListenAddress& address);
    /// The address with its port: `127.0.0.1:8080`.
    std::string authority() const { return server_.authority(); }

  private:
    std::optional<net::Response> on_head(const net::RequestHead& head,
                                         const std::string& peer) override;
    void on_request(const net::RequestHead& head, std::string& body, net::Reply reply) override;

    struct Asked;
    void answer(const Asked& asked, const net::Response& response) const;
    void start_handshake(const std::shared_ptr<const Asked>& asked,
                         const preservica::NewSubscription& wanted);
    std::optional<std::string> shake_hands(const preservica::NewSubscription& wanted) const;
    void finish_handshake(const Asked& asked, const preservica::NewSubscription& wanted,
                          const std::optional<std::string>& fault);
    void end_deliveries(const std::string& subscription_id);

    void emit_due();
    void emit_one();
    void plan_emission();

    net::EventLoop& loop_;
    const SandboxSettings settings_;
    const MakeHttp make_http_;
    const WallClock now_;
    const Diagnostics& diagnostics_;
    Api api_;
    std::optional<EmitSchedule> schedule_;
    TriggerRound round_;
    std::uint64_t events_ = 0;
    std::atomic<bool> stopping_ = false;
    net::HttpServer server_;
    net::EventLoop::Timer emit_timer_;
    std::map<std::string, std::unique_ptr<Deliverer>> deliverers_;
    /// Of subscriptions that are gone, until their threads have ended.
    std::vector<std::unique_ptr<Deliverer>> retired_;
    Workers handshakes_;
};

}  // namespace pwh::sandbox
