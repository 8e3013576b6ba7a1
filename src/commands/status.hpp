// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "commands/command.hpp"
#include "preservica/subscriptions.hpp"
#include "store/event_reader.hpp"

namespace pwh::commands {

struct StatusOptions {
    std::optional<std::string> store;
    std::optional<std::string> max_age;
    bool remote = false;
    std::optional<std::string> url;
};

/// What a store tells of its health.
struct StoreHealth {
    std::uint64_t messages = 0;
    std::optional<std::int64_t> newest_ms;
    std::uint64_t recent_messages = 0;  ///< of the last 24 hours, as everything below
    std::uint64_t refused = 0;
    std::uint64_t refused_signatures = 0;
    std::uint64_t turned_away = 0;  ///< with 503, that should have been accepted
};

/// What is wrong by the store alone, a sentence each.
std::vector<std::string> local_findings(const StoreHealth& health,
                                        std::optional<std::chrono::milliseconds> max_age,
                                        WallTime now);

/// Which of the subscriptions that the newest events came from are gone; with `url`, whether there
/// is none for it.
std::vector<std::string> remote_findings(const std::vector<store::Source>& sources,
                                         const std::optional<std::string>& url,
                                         const std::vector<preservica::Subscription>& subscribed);

/// `ok: …`, for when nothing is wrong.
std::string good_line(const StoreHealth& health, WallTime now);

void setup_status(CLI::App& app, StatusOptions& options);
int run_status(Context& context, const StatusOptions& options);

}  // namespace pwh::commands
