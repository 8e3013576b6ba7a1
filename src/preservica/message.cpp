// SPDX-License-Identifier: Apache-2.0
#include "preservica/message.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "preservica/trigger.hpp"
#include "text/time.hpp"

namespace pwh::preservica {

namespace {

using Json = nlohmann::ordered_json;

std::string without_zone(WallTime time) {
    auto text = text::rfc3339(time);
    text.pop_back();
    return text;
}

Json event_json(const MessageEvent& event) {
    auto identifiers = Json::array();
    for (const auto& [type, value] : event.identifiers) {
        auto& entry = identifiers.emplace_back(Json::object());
        entry[type] = value;
    }
    return {{"event", event.event},
            {"entityType", event.entity_type},
            {"entityRef", event.entity_ref},
            {"identifiers", std::move(identifiers)}};
}

}  // namespace

std::string build_message(const MessageContent& content) {
    auto events = Json::array();
    for (const auto& event : content.events) events.push_back(event_json(event));
    const Json message{{"subscriptionId", content.subscription_id},
                       {"timestamp", without_zone(content.timestamp)},
                       {"tenant", content.tenant},
                       {"version", content.version},
                       {"events", std::move(events)},
                       {"trigger", content.trigger}};
    try {
        constexpr bool only_ascii = true;
        return message.dump(-1, ' ', only_ascii);
    } catch (const Json::type_error&) {
        throw UsageError("a message can't hold text that is not UTF-8");
    }
}

std::string event_name(std::string_view trigger) {
    for (const auto& known : known_triggers()) {
        if (known.api == trigger) return std::string(known.event);
    }
    std::string name;
    bool first = true;
    for (const char c : trigger) {
        if (c == '_') {
            first = true;
            continue;
        }
        const bool lowered = !first && c >= 'A' && c <= 'Z';
        name += lowered ? static_cast<char>(c - 'A' + 'a') : c;
        first = false;
    }
    return name;
}

}  // namespace pwh::preservica
