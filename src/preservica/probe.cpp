// SPDX-License-Identifier: Apache-2.0
#include "preservica/probe.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "preservica/message.hpp"
#include "preservica/signature.hpp"
#include "text/percent.hpp"

namespace pwh::preservica {

namespace {

std::string with_query(const std::string& url, std::string_view query) {
    auto joined = url.substr(0, url.find('#'));
    const auto start = joined.find('?');
    if (start == std::string::npos) {
        joined += '?';
    } else if (start + 1 != joined.size() && !joined.ends_with('&')) {
        joined += '&';
    }
    return joined.append(query);
}

net::ClientRequest post(const std::string& url) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = url;
    return request;
}

net::ClientRequest post_query(const std::string& url, std::string_view query) {
    return post(with_query(url, query));
}

net::ClientRequest post_body(const std::string& url, std::string type, std::string body) {
    auto request = post(url);
    request.headers = {{"Content-Type", std::move(type)}};
    request.body = std::move(body);
    return request;
}

std::string escape_every_byte(std::string_view text) {
    std::string escaped;
    for (const char c : text) escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return escaped;
}

}  // namespace

std::string check_message(WallTime now, const std::string& subscription_id,
                          const std::string& entity_ref, bool beyond_ascii) {
    MessageContent content;
    content.subscription_id = subscription_id;
    content.timestamp = now;
    content.tenant = probe_tenant;
    content.version = probe_version;
    content.trigger = check_trigger;
    MessageEvent event;
    event.event = event_name(check_trigger);
    event.entity_type = "IO";
    event.entity_ref = entity_ref;
    static constexpr std::string_view place = "@";
    if (beyond_ascii) event.identifiers = {{"title", std::string(place)}};
    content.events = {std::move(event)};
    auto body = build_message(content);
    // build_message() escapes what is not ASCII.
    if (beyond_ascii) body.replace(body.find(place), place.size(), "Zoë – 東京");
    return body;
}

net::ClientRequest event_request(const std::string& url, std::string body,
                                 const std::string& signature) {
    auto request = post_body(url, "application/json", std::move(body));
    if (!signature.empty()) request.headers.emplace_back(signature_header, signature);
    request.chunked = true;
    return request;
}

net::ClientRequest proxied_event_request(const std::string& url, std::string body,
                                         const std::string& signature) {
    auto request = event_request(url, std::move(body), signature);
    request.chunked = false;
    for (auto& [name, value] : request.headers) {
        for (auto& c : name) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return request;
}

net::ClientRequest handshake_request(const std::string& url, std::string_view code) {
    return post_query(url, fmt::format("{}={}", challenge_parameter, text::form_encode(code)));
}

std::vector<OracleAttempt> oracle_attempts(const std::string& url, const std::string& forged_body,
                                           std::string_view harmless_code) {
    const auto prefix = std::string(event_prefix);
    const auto code = prefix + forged_body;
    const auto encoded_body = text::form_encode(forged_body);
    const auto encoded = prefix + encoded_body;
    const auto name = std::string(challenge_parameter);
    const auto field = name + "=" + encoded;
    const auto harmless = name + "=" + text::form_encode(harmless_code);

    auto by_get = post_query(url, field);
    by_get.method = "GET";
    const nlohmann::json json{{name, code}};
    return {
        // A receiver that does not decode signs what it sees: also an event's text.
        {"in the query", post_query(url, field), {forged_body, encoded_body}},
        {"with every character escaped",
         post_query(url, name + "=" + escape_every_byte(code)),
         {forged_body}},
        {"with the body escaped twice",
         post_query(url, name + "=" + prefix + text::form_encode(encoded_body)),
         {forged_body, encoded_body}},
        {"escaped twice",
         post_query(url, name + "=" + text::form_encode(escape_every_byte(code))),
         {forged_body},
         true},
        {"under an escaped name",
         post_query(url, "challenge%43ode=" + encoded),
         {forged_body, encoded_body}},
        {"behind a harmless one",
         post_query(url, harmless + "&" + field),
         {forged_body, encoded_body},
         true},
        {"before a harmless one",
         post_query(url, field + "&" + harmless),
         {forged_body, encoded_body},
         true},
        {"behind a space", post_query(url, name + "=+" + encoded), {forged_body}, true},
        {"as a form in the body",
         post_body(url, "application/x-www-form-urlencoded", field),
         {forged_body, encoded_body}},
        {"as JSON in the body", post_body(url, "application/json", json.dump()), {forged_body}},
        {"by GET", std::move(by_get), {forged_body, encoded_body}},
    };
}

}  // namespace pwh::preservica
