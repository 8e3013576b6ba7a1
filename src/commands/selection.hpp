// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "preservica/subscriptions.hpp"

namespace pwh::commands {

/// Which subscriptions are meant: those with the URL and one of the triggers, where these are
/// given.
struct Selection {
    std::vector<std::string> triggers;  ///< as the user wrote them
    std::string url;

    bool empty() const { return triggers.empty() && url.empty(); }
    /// Throws UsageError for a name that is no trigger.
    std::vector<preservica::Subscription> of(std::vector<preservica::Subscription> all) const;
};

/// The API's names of triggers as the user wrote them, each once; warns of those that pwh does not
/// know.
std::vector<std::string> trigger_names(const std::vector<std::string>& names,
                                       const Diagnostics& diagnostics);

}  // namespace pwh::commands
