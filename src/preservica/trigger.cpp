// SPDX-License-Identifier: Apache-2.0
#include "preservica/trigger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace pwh::preservica {

namespace {

constexpr std::array triggers{
    TriggerName{"FULL_TEXT_INDEXED", "indexed", "INDEXED", "FullTextIndexed",
                "an ingest is complete, with full text and thumbnails"},
    TriggerName{"MOVED", "moved", "MOVED", "Moved", "an entity was moved"},
    TriggerName{"CHANGED_SECURITY_DESCRIPTOR", "security-changed", "SECURITY_CHANGED",
                "ChangedSecurityDescriptor", "an entity's security tag changed"},
    TriggerName{"INGEST_FAILED", "ingest-failed", "INGEST_FAILED", "IngestFailed",
                "an ingest failed"},
    TriggerName{"CHANGE_ASSET_VISIBILITY", "visibility-changed", "CHANGE_ASSET_VISIBILITY",
                "ChangeAssetVisibility", "an asset was shown or hidden"},
};

bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

bool same_in_any_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [lower](char x, char y) { return lower(x) == lower(y); });
}

bool looks_like_api_name(std::string_view name) {
    constexpr std::size_t longest = 128;
    return !name.empty() && name.size() <= longest && is_capital(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_capital(c) || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

std::span<const TriggerName> known_triggers() {
    return triggers;
}

std::optional<Trigger> parse_trigger(std::string_view name) {
    for (const auto& trigger : triggers) {
        if (same_in_any_case(name, trigger.name) || same_in_any_case(name, trigger.api) ||
            same_in_any_case(name, trigger.pypreservica)) {
            return Trigger{std::string(trigger.api), true};
        }
    }
    if (looks_like_api_name(name)) return Trigger{std::string(name), false};
    return std::nullopt;
}

Trigger require_trigger(std::string_view name) {
    if (auto trigger = parse_trigger(name)) return *std::move(trigger);
    std::string names;
    for (const auto& trigger : triggers) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", trigger.name);
    }
    throw UsageError(
        fmt::format("there is no trigger '{}'", name),
        fmt::format("the triggers are {}; any other name of the API has to be in capitals", names));
}

}  // namespace pwh::preservica
