// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands/context.hpp"

namespace pwh::commands {

/// What could stand on the command line, and a few words on it.
struct Candidate {
    std::string text;
    std::string description;
};

/// The names of the triggers.
std::vector<Candidate> trigger_candidates();

/// The sections of the credentials file that would be used.
std::vector<Candidate> profile_candidates(const Context& context);

/// The subscriptions whose secrets this machine has; of the server that is set alone, on demand.
/// Nothing is asked of any server, and nothing is written.
std::vector<Candidate> subscription_candidates(const Context& context, bool of_server);

}  // namespace pwh::commands
