// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace pwh::preservica {

/// One event of a message.
struct MessageEvent {
    std::string event;        ///< `FullTextIndexed`
    std::string entity_type;  ///< `IO` asset, `SO` folder, `CO` content object
    std::string entity_ref;
    std::vector<std::pair<std::string, std::string>> identifiers;  ///< type and value, in order
};

/// What Preservica publishes to one subscription.
struct MessageContent {
    std::string subscription_id;
    WallTime timestamp;
    std::string tenant;
    std::string version;
    std::vector<MessageEvent> events;
    std::string trigger;  ///< the API's name
};

/// The body as it goes out: JSON on one line, all ASCII, since receivers disagree on how other text
/// is signed. Throws UsageError for text that is not UTF-8. Source: protocol.md §3.
std::string build_message(const MessageContent& content);

/// The name that events of a trigger carry: `FullTextIndexed`. That of an unknown trigger follows
/// the known ones.
std::string event_name(std::string_view trigger);

}  // namespace pwh::preservica
