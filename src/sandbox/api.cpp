// SPDX-License-Identifier: Apache-2.0
#include "sandbox/api.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <variant>

#include "sandbox/answers.hpp"

namespace pwh::sandbox {

namespace {

enum class Access { anyone, signed_in, webhook_administrator };

constexpr std::string_view subscriptions_path = "/api/webhook/subscriptions";
constexpr std::string_view subscription_path = "/api/webhook/subscriptions/";

/// A route's path that ends in a slash is followed by one more segment.
bool matches(std::string_view pattern, std::string_view path) {
    if (!pattern.ends_with('/')) return path == pattern;
    return path.starts_with(pattern) && path.size() > pattern.size() &&
           path.find('/', pattern.size()) == std::string_view::npos;
}

Decision answer(net::Response response) {
    return {std::move(response), std::nullopt, {}};
}

}  // namespace

/// A request that passed the checks of its route.
struct Api::Call {
    const ApiRequest& request;
    const Account* account;  ///< null where anyone may call
    text::FormFields form() const { return text::parse_form(request.body); }
};

struct Api::Route {
    std::string_view method;
    std::string_view path;
    Access access;
    Decision (Api::*run)(const Call&);
};

Api::Api(WallClock now, std::chrono::milliseconds token_lifetime)
    : sign_in_(std::move(now), token_lifetime) {}

const Api::Route* Api::find_route(const ApiRequest& request, std::string& allowed) {
    static constexpr std::array routes{
        Route{"POST", "/api/accesstoken/login", Access::anyone, &Api::login},
        Route{"POST", "/api/accesstoken/complete-2fa", Access::anyone,
              &Api::complete_second_factor},
        Route{"POST", "/api/accesstoken/refresh", Access::anyone, &Api::refresh},
        Route{"POST", "/api/accesstoken/acquire-external", Access::anyone, &Api::acquire_external},
        Route{"GET", "/api/user/details", Access::signed_in, &Api::user_details},
        Route{"GET", "/api/entity/versiondetails/version", Access::signed_in,
              &Api::version_details},
        Route{"GET", subscriptions_path, Access::webhook_administrator, &Api::list_subscriptions},
        Route{"POST", subscriptions_path, Access::webhook_administrator, &Api::subscribe},
        Route{"DELETE", subscription_path, Access::webhook_administrator, &Api::unsubscribe},
    };
    for (const auto& route : routes) {
        if (!matches(route.path, request.path)) continue;
        if (route.method == request.method) return &route;
        allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
    }
    return nullptr;
}

Decision Api::decide(const ApiRequest& request) {
    std::string allowed;
    const auto* route = find_route(request, allowed);
    if (route == nullptr && allowed.empty()) {
        return answer(refusal(404, "the sandbox has no such address"));
    }
    if (route == nullptr) {
        auto response = refusal(405, fmt::format("this address takes {}", allowed));
        response.headers.emplace_back("Allow", allowed);
        return answer(std::move(response));
    }
    const Account* account = nullptr;
    if (route->access != Access::anyone) {
        account = sign_in_.holder(request.token);
        if (account == nullptr) {
            return answer(refusal(401, "the access token is missing, unknown or expired"));
        }
        if (route->access == Access::webhook_administrator && !may_administer_webhooks(*account)) {
            return answer(refusal(403, "no role of this user allows webhook administration"));
        }
    }
    return (this->*route->run)({request, account});
}

Decision Api::login(const Call& call) {
    return answer(sign_in_.login(call.form()));
}

Decision Api::complete_second_factor(const Call& call) {
    return answer(sign_in_.complete_second_factor(call.form()));
}

Decision Api::refresh(const Call& call) {
    return answer(sign_in_.refresh(call.form(), call.request.token));
}

Decision Api::acquire_external(const Call& call) {
    return answer(sign_in_.acquire_external(call.form()));
}

Decision Api::user_details(const Call& call) {
    return answer(json_answer(200, {{"username", call.account->username},
                                    {"tenant", tenant},
                                    {"roles", call.account->roles}}));
}

Decision Api::version_details(const Call&) {
    net::Response response;
    response.content_type = "application/xml";
    response.body = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<VersionDetails><CurrentVersion>{}</CurrentVersion></VersionDetails>\n",
        version);
    return answer(std::move(response));
}

Decision Api::list_subscriptions(const Call&) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& entry : subscriptions_.entries()) list.push_back(subscription_json(entry));
    return answer(json_answer(200, list));
}

Decision Api::subscribe(const Call& call) {
    auto read = read_subscription_request(call.request.body);
    if (const auto* problem = std::get_if<Problem>(&read)) {
        return answer(refusal(400, problem->what));
    }
    Decision decision;
    decision.handshake = std::get<preservica::NewSubscription>(std::move(read));
    return decision;
}

Decision Api::unsubscribe(const Call& call) {
    Decision decision;
    auto id = call.request.path.substr(subscription_path.size());
    if (!subscriptions_.remove(id)) {
        return answer(refusal(404, "there is no subscription of this id"));
    }
    decision.response.status = 204;
    decision.unsubscribed = std::move(id);
    return decision;
}

net::Response Api::subscribed(preservica::NewSubscription wanted) {
    if (subscriptions_.full()) {
        return refusal(409, fmt::format("the sandbox keeps {} subscriptions at most",
                                        SubscriptionTable::capacity));
    }
    return json_answer(200, subscription_json(subscriptions_.add(std::move(wanted))));
}

net::Response Api::not_subscribed(std::string_view fault) const {
    return refusal(400, fmt::format("the URL did not pass the challenge: {}", fault));
}

}  // namespace pwh::sandbox
