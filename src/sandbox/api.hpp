// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "net/http_server.hpp"
#include "preservica/subscriptions.hpp"
#include "sandbox/sign_in.hpp"
#include "sandbox/subscription_table.hpp"

namespace pwh::sandbox {

/// What the API looks at in a request.
struct ApiRequest {
    std::string method;
    std::string path;
    std::string token;  ///< of the `Preservica-Access-Token` header
    std::string body;
};

/// What to do about a request: answer, or first run the handshake.
struct Decision {
    net::Response response;
    /// Nothing was subscribed yet: the answer is Api::subscribed() or Api::not_subscribed().
    std::optional<preservica::NewSubscription> handshake;
    /// The id of a subscription that is gone.
    std::string unsubscribed;
};

/// The REST API: request in, decision out; it knows of no socket. Source: protocol.md §1.
class Api {
  public:
    Api(WallClock now, std::chrono::milliseconds token_lifetime);

    Decision decide(const ApiRequest& request);

    /// After a handshake that passed: the subscription is the table's last.
    net::Response subscribed(preservica::NewSubscription wanted);
    net::Response not_subscribed(std::string_view fault) const;

    const SubscriptionTable& subscriptions() const { return subscriptions_; }

  private:
    struct Route;
    struct Call;
    static const Route* find_route(const ApiRequest& request, std::string& allowed);

    Decision login(const Call& call);
    Decision complete_second_factor(const Call& call);
    Decision refresh(const Call& call);
    Decision acquire_external(const Call& call);
    Decision user_details(const Call& call);
    Decision version_details(const Call& call);
    Decision list_subscriptions(const Call& call);
    Decision subscribe(const Call& call);
    Decision unsubscribe(const Call& call);

    SignIn sign_in_;
    SubscriptionTable subscriptions_;
};

}  // namespace pwh::sandbox
