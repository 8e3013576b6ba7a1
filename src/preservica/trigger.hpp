// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pwh::preservica {

/// A trigger type of the webhook API, with the names users know it by. Source: Preservica's webhook
/// API page and pyPreservica's WebHookTrigger.
struct TriggerName {
    std::string_view api;           ///< FULL_TEXT_INDEXED
    std::string_view name;          ///< indexed: how pwh writes it
    std::string_view pypreservica;  ///< INDEXED
    std::string_view event;  ///< FullTextIndexed: `event` in messages (the first is documented, the
                             ///< rest follow it)
    std::string_view when;   ///< "an ingest is complete"
};

std::span<const TriggerName> known_triggers();

struct Trigger {
    std::string api;
    bool known = true;
};

/// Takes pwh's, the API's or pyPreservica's name, in any case; any other name of capitals, digits
/// and underscores is passed on as unknown. Nothing for anything else.
std::optional<Trigger> parse_trigger(std::string_view name);

/// As parse_trigger; throws UsageError that lists the names.
Trigger require_trigger(std::string_view name);

}  // namespace pwh::preservica
