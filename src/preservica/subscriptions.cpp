// SPDX-License-Identifier: Apache-2.0
#include "preservica/subscriptions.hpp"

#include <fmt/format.h>

#include <utility>

#include "preservica/failure.hpp"
#include "text/percent.hpp"

namespace pwh::preservica {

namespace {

constexpr auto collection = "/api/webhook/subscriptions";

Error no_webhooks(const std::string& server) {
    return {ExitCode::failure,
            fmt::format("{} has no webhook API (needs Preservica 6.8 or later)", server),
            "`pwh whoami` shows the server's version; check --server as well"};
}

bool is_success(const net::ClientResponse& response) {
    return response.status >= 200 && response.status < 300;
}

Subscription read_subscription(nlohmann::ordered_json fields, const std::string& doing) {
    const auto text = [&fields](const char* name) -> const std::string* {
        const auto field = fields.is_object() ? fields.find(name) : fields.end();
        return field == fields.end() ? nullptr : field->get_ptr<const std::string*>();
    };
    const auto* id = text("id");
    const auto* url = text("url");
    const auto* trigger = text("triggerType");
    if (id == nullptr || id->empty() || url == nullptr || trigger == nullptr) {
        throw Error(ExitCode::unavailable,
                    fmt::format("cannot {}: the answer holds no subscription with id, url and "
                                "triggerType",
                                doing),
                    "-vv shows the exchange");
    }
    Subscription subscription{*id, *url, *trigger, {}};
    subscription.fields = std::move(fields);
    return subscription;
}

/// One segment of a path. A form's `+` is a space only there.
std::string encode_segment(const std::string& text) {
    std::string encoded;
    for (const char c : text::form_encode(text)) {
        if (c == '+') {
            encoded += "%20";
        } else {
            encoded += c;
        }
    }
    return encoded;
}

std::string encode_wanted(const NewSubscription& wanted) {
    const nlohmann::ordered_json body{
        {"url", wanted.url},
        {"triggerType", wanted.trigger},
        {"secret", wanted.secret},
        {"includeIdentifiers", wanted.include_identifiers ? "true" : "false"}};
    try {
        return body.dump();
    } catch (const nlohmann::json::type_error&) {
        throw UsageError("the URL or the secret is not UTF-8 text",
                         "use a secret of letters and digits, such as `pwh secret` prints");
    }
}

HandshakeRefused refused(const net::ClientResponse& response, const NewSubscription& wanted) {
    return {
        ExitCode::endpoint_failed,
        with_server_message(
            fmt::format("Preservica refused the subscription to {}: {} did not pass the handshake",
                        wanted.trigger, wanted.url),
            response),
        fmt::format("see what the endpoint answers: pwh check {}", wanted.url)};
}

}  // namespace

std::vector<Subscription> Subscriptions::list() {
    const auto& server = session_.server().address;
    const auto doing = fmt::format("list the subscriptions of {}", server);
    const auto response =
        session_.call({"GET", {}, {{"Accept", "application/json"}}, {}}, collection);
    if (response.status == 404) throw no_webhooks(server);
    if (!is_success(response)) throw explain_failure(response, doing);
    auto answer = parse_answer(response, doing);
    if (!answer.is_array()) {
        throw Error(ExitCode::unavailable,
                    fmt::format("cannot {}: the answer is not a list", doing),
                    "-vv shows the exchange");
    }
    std::vector<Subscription> subscriptions;
    subscriptions.reserve(answer.size());
    for (auto& fields : answer) {
        subscriptions.push_back(read_subscription(std::move(fields), doing));
    }
    return subscriptions;
}

Subscription Subscriptions::create(const NewSubscription& wanted) {
    const auto& server = session_.server().address;
    const auto doing = fmt::format("subscribe {} to {} at {}", wanted.url, wanted.trigger, server);
    auto response =
        session_.call({"POST",
                       {},
                       {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                       encode_wanted(wanted)},
                      collection);
    drop_echo(response, wanted.secret);
    if (response.status == 404) throw no_webhooks(server);
    if (response.status == 400 || response.status == 422) throw refused(response, wanted);
    const auto open = [](const Error& error) {
        return net::TransportError(net::TransportError::Kind::broken, true, error.what(),
                                   error.hint());
    };
    if (response.status >= 500) throw open(explain_failure(response, doing));
    if (!is_success(response)) throw explain_failure(response, doing);
    try {
        return read_subscription(parse_answer(response, doing), doing);
    } catch (const Error& error) {
        throw open(error);
    }
}

bool Subscriptions::remove(const std::string& id) {
    // None of these can be an id, and each would name something else in a path.
    if (id.empty() || id == "." || id == "..") return false;
    const auto response =
        session_.call({"DELETE", {}, {}, {}}, fmt::format("{}/{}", collection, encode_segment(id)));
    if (response.status == 404) return false;
    if (!is_success(response)) {
        throw explain_failure(response, fmt::format("remove the subscription {} at {}", id,
                                                    session_.server().address));
    }
    return true;
}

}  // namespace pwh::preservica
