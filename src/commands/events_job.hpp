// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/interrupt.hpp"
#include "commands/context.hpp"
#include "commands/event_lines.hpp"
#include "commands/events.hpp"
#include "store/cursor_file.hpp"
#include "store/event_reader.hpp"

namespace pwh::commands {

/// One run of `events`: what is read, from where, and until when. While it lives, signals are
/// noted.
class EventsJob {
  public:
    /// Opens the store, and the cursor file.
    EventsJob(Context& context, const EventsOptions& options, const settings::Settings& settings);

    Context& context() { return context_; }
    const EventsOptions& options() const { return options_; }
    store::EventReader& reader() { return reader_; }
    const EventLinesOptions& lines() const { return lines_; }

    bool has_cursor() const { return cursor_.has_value(); }
    store::EventPosition start() const;
    /// Does nothing without a cursor file.
    void save(store::EventPosition position);

    int signal() const { return watch_.signal(); }
    /// A signal came, or --timeout is over.
    bool ending() const;
    /// No event that comes now is before --until.
    bool past_until() const;
    /// Throws Interrupted where a signal came.
    void check_interrupted(std::uint64_t events) const;

  private:
    Context& context_;
    const EventsOptions& options_;
    EventLinesOptions lines_;
    std::optional<std::int64_t> until_ms_;
    InterruptWatch watch_;
    store::EventReader reader_;
    std::optional<store::CursorFile> cursor_;
    std::optional<std::chrono::steady_clock::time_point> deadline_;
};

/// Between looks at whether there are new events.
inline constexpr std::chrono::milliseconds follow_pause{50};

/// Prints the lines. Returns the exit code.
int print_events(EventsJob& job);

/// Gives the lines to COMMAND; with --follow anew for each batch of new events. Returns the exit
/// code.
int hand_over_events(EventsJob& job);

}  // namespace pwh::commands
