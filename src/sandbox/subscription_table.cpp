// SPDX-License-Identifier: Apache-2.0
#include "sandbox/subscription_table.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "net/url.hpp"
#include "preservica/failure.hpp"
#include "preservica/trigger.hpp"
#include "sandbox/identifiers.hpp"

namespace pwh::sandbox {

namespace {

using Json = nlohmann::ordered_json;

std::string text_field(const Json& body, const char* name) {
    const auto found = body.find(name);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_web_url(const std::string& text) {
    const auto url = net::parse_url(text);
    return url && (url->scheme == "http" || url->scheme == "https") && url->port != 0;
}

bool is_api_trigger(const std::string& name) {
    const auto trigger = preservica::parse_trigger(name);
    return trigger && (trigger->api == name || !trigger->known);
}

/// The SDK sends the strings "true" and "false".
std::optional<bool> read_flag(const Json& body, const char* name) {
    const auto found = body.find(name);
    if (found == body.end()) return false;
    if (found->is_boolean()) return found->get<bool>();
    if (*found == "true") return true;
    if (*found == "false") return false;
    return std::nullopt;
}

}  // namespace

const SubscriptionEntry& SubscriptionTable::add(preservica::NewSubscription wanted) {
    return entries_.emplace_back(SubscriptionEntry{random_id(), std::move(wanted)});
}

bool SubscriptionTable::remove(std::string_view id) {
    return std::erase_if(entries_,
                         [id](const SubscriptionEntry& entry) { return entry.id == id; }) > 0;
}

Json subscription_json(const SubscriptionEntry& entry) {
    return {{"id", entry.id},
            {"url", entry.wanted.url},
            {"triggerType", entry.wanted.trigger},
            {"includeIdentifiers", entry.wanted.include_identifiers}};
}

std::variant<preservica::NewSubscription, Problem> read_subscription_request(
    std::string_view body) {
    const auto json = preservica::parse_json(body);
    if (!json || !json->is_object()) return Problem{"the body is not a JSON object"};
    preservica::NewSubscription wanted;
    wanted.url = text_field(*json, "url");
    wanted.trigger = text_field(*json, "triggerType");
    wanted.secret = text_field(*json, "secret");
    if (!is_web_url(wanted.url)) return Problem{"url is not an http or https URL"};
    if (!is_api_trigger(wanted.trigger)) {
        return Problem{"triggerType is not the name of a trigger, such as FULL_TEXT_INDEXED"};
    }
    if (wanted.secret.empty()) return Problem{"secret is missing or empty"};
    const auto include = read_flag(*json, "includeIdentifiers");
    if (!include) return Problem{"includeIdentifiers is neither true nor false"};
    wanted.include_identifiers = *include;
    return wanted;
}

}  // namespace pwh::sandbox
