// SPDX-License-Identifier: Apache-2.0
#include "commands/events_job.hpp"

#include <fmt/format.h>

#include "commands/event_store_path.hpp"
#include "commands/selection.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;

/// A message that was received just before --until may be committed a moment later.
constexpr auto until_patience = 1s;

EventLinesOptions lines_options(const Context& context, const EventsOptions& options) {
    EventLinesOptions lines;
    const auto now = context.now();
    lines.query.since_ms = moment_ms("--since", options.since, now);
    lines.query.triggers = trigger_names(options.triggers, context.diagnostics);
    lines.query.reference = options.entity.value_or("");
    lines.format = options.all ? receiver::LineFormat::message : receiver::LineFormat::event;
    if (options.limit) lines.limit = *options.limit;
    lines.marks = options.cursor_file || !context.trailing.empty();
    // A position is in the order of coming; a filter by time would let it pass over what is wanted
    // the next time.
    auto& until = options.cursor_file ? lines.stop_ms : lines.query.until_ms;
    until = moment_ms("--until", options.until, now);
    return lines;
}

}  // namespace

EventsJob::EventsJob(Context& context, const EventsOptions& options,
                     const settings::Settings& settings)
    : context_(context),
      options_(options),
      lines_(lines_options(context, options)),
      until_ms_(lines_.stop_ms ? lines_.stop_ms : lines_.query.until_ms),
      reader_(open_event_store(event_store_path(options.store.value_or(""), settings))) {
    if (options.cursor_file) {
        cursor_.emplace(*options.cursor_file, reader_.store_id(), reader_.last_id());
    }
    if (options.timeout > 0) {
        deadline_ = std::chrono::steady_clock::now() +
                    std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                        std::chrono::duration<double>(options.timeout));
    }
}

store::EventPosition EventsJob::start() const {
    return cursor_ ? cursor_->position() : store::EventPosition{};
}

void EventsJob::save(store::EventPosition position) {
    if (cursor_) cursor_->save(position);
}

bool EventsJob::ending() const {
    return signal() != 0 || (deadline_ && std::chrono::steady_clock::now() >= *deadline_);
}

bool EventsJob::past_until() const {
    return until_ms_ &&
           context_.now() - until_patience >= WallTime(std::chrono::milliseconds(*until_ms_));
}

void EventsJob::check_interrupted(std::uint64_t events) const {
    if (signal() == 0) return;
    throw Interrupted(signal(), fmt::format("interrupted after {} events", events),
                      cursor_ ? "the cursor file remembers those that were taken" : "");
}

}  // namespace pwh::commands
