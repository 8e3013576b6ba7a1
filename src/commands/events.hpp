// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "commands/command.hpp"

namespace pwh::commands {

struct EventsOptions {
    std::optional<std::string> store;
    std::optional<std::string> since;
    std::optional<std::string> until;
    std::vector<std::string> triggers;
    std::optional<std::string> entity;
    std::optional<std::uint64_t> limit;
    bool follow = false;
    double timeout = 0;  ///< seconds; 0: none
    std::optional<std::string> cursor_file;
    bool stats = false;
    std::string format;  ///< of stats: table, json; empty: table
    bool all = false;    ///< --export
};

/// Throws UsageError for options that don't go together, or are empty.
void check_events_options(const EventsOptions& options, bool has_command);

/// A moment as milliseconds, so that `received >= it` holds for what was received then or later.
/// Throws UsageError that names `option`.
std::optional<std::int64_t> moment_ms(const std::string& option,
                                      const std::optional<std::string>& text, WallTime now);

void setup_events(CLI::App& app, EventsOptions& options);
int run_events(Context& context, const EventsOptions& options);

}  // namespace pwh::commands
