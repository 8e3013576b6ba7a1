// SPDX-License-Identifier: Apache-2.0
#include "commands/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "preservica/trigger.hpp"

namespace pwh::commands {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

std::vector<preservica::Subscription> Selection::of(
    std::vector<preservica::Subscription> all) const {
    std::vector<std::string> wanted;
    for (const auto& name : triggers) wanted.push_back(preservica::require_trigger(name).api);
    std::erase_if(all, [&](const preservica::Subscription& each) {
        return (!url.empty() && each.url != url) ||
               (!wanted.empty() && !contains(wanted, each.trigger));
    });
    return all;
}

std::vector<std::string> trigger_names(const std::vector<std::string>& names,
                                       const Diagnostics& diagnostics) {
    std::vector<std::string> api;
    for (const auto& name : names) {
        const auto trigger = preservica::require_trigger(name);
        if (contains(api, trigger.api)) continue;
        if (!trigger.known) {
            diagnostics.warning(fmt::format(
                "pwh does not know the trigger {}; it is passed on as it is", trigger.api));
        }
        api.push_back(trigger.api);
    }
    return api;
}

}  // namespace pwh::commands
