// SPDX-License-Identifier: Apache-2.0
#include "commands/complete.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "commands/client.hpp"
#include "preservica/trigger.hpp"

namespace pwh::commands {

std::vector<Candidate> trigger_candidates() {
    std::vector<Candidate> candidates;
    for (const auto& trigger : preservica::known_triggers()) {
        candidates.push_back({std::string(trigger.name), std::string(trigger.when)});
    }
    return candidates;
}

std::vector<Candidate> profile_candidates(const Context& context) {
    std::error_code ignored;
    const settings::Surroundings surroundings{context.environment,
                                              std::filesystem::current_path(ignored), ::geteuid()};
    std::vector<Candidate> candidates;
    for (auto& name : settings::profiles(context.flags, surroundings)) {
        candidates.push_back({std::move(name), "a section of the credentials file"});
    }
    return candidates;
}

std::vector<Candidate> subscription_candidates(const Context& context, bool of_server) {
    const auto settings = resolve_settings(context);
    const auto server = of_server ? server_key(settings) : std::nullopt;
    std::vector<Candidate> candidates;
    for (const auto& secret : open_secret_store(settings).all()) {
        if (server && *server != secret.server) continue;
        for (const auto& use : secret.uses) {
            if (use.pending()) continue;
            candidates.push_back({use.id, fmt::format("{} {}", use.trigger, use.url)});
        }
    }
    return candidates;
}

}  // namespace pwh::commands
