// SPDX-License-Identifier: Apache-2.0
#include "commands/events.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cmath>

#include "commands/client.hpp"
#include "commands/event_store_path.hpp"
#include "commands/events_job.hpp"
#include "commands/events_stats.hpp"
#include "commands/selection.hpp"
#include "text/time.hpp"

namespace pwh::commands {

namespace {

constexpr double longest_timeout = 1e9;  // seconds: thirty years

constexpr auto footer =
    "T is RFC 3339 (2026-11-23T17:04:05Z), a date (its start, UTC), or how long ago (90s, 2h, "
    "7d).\n"
    "\n"
    "With --cursor-file FILE and a COMMAND each event comes at least once, and none is skipped,\n"
    "whatever is killed when. COMMAND has to read all that it gets on stdin, and to exit with a\n"
    "code that is not 0 where it did not handle an event. FILE moves only when COMMAND exits 0, "
    "past\n"
    "the lines that it has read; any other code ends pwh with that code. COMMAND is not run where\n"
    "there is nothing new; with --follow, anew for each batch of new events.\n"
    "\n"
    "Into a pipe, what its reader has taken out of it counts as handled: FILE moves past it every\n"
    "half second and at the end. Without --cursor-file pwh ends as other programs do, by SIGPIPE,\n"
    "when the reader of stdout goes away; with it, exit 1.\n"
    "\n"
    "  pwh events --since 7d --trigger moved\n"
    "  pwh events --cursor-file handled.cursor -- ./handle-events\n";

int print_stats(Context& context, const EventsOptions& options,
                const settings::Settings& settings) {
    store::EventQuery query;
    query.since_ms = moment_ms("--since", options.since, context.now());
    query.until_ms = moment_ms("--until", options.until, context.now());
    query.triggers = trigger_names(options.triggers, context.diagnostics);
    auto reader = open_event_store(event_store_path(options.store.value_or(""), settings));
    const auto counts = count_events(reader, query);
    context.out.write(options.format == "json" ? render_counts_json(counts)
                                               : render_counts_table(counts, context.terminal));
    if (counts.empty()) context.diagnostics.note("no events");
    return static_cast<int>(ExitCode::ok);
}

void refuse_empty(const char* option, const std::optional<std::string>& value) {
    if (value && value->empty()) {
        throw UsageError(fmt::format("{} is empty", option), "pwh help events");
    }
}

}  // namespace

void check_events_options(const EventsOptions& options, bool has_command) {
    refuse_empty("--store", options.store);
    refuse_empty("--entity", options.entity);
    refuse_empty("--cursor-file", options.cursor_file);
    if (std::isnan(options.timeout)) throw UsageError("--timeout is no number", "pwh help events");
    if (!options.stats && !options.format.empty()) {
        throw UsageError("-o is for --stats: events are printed as JSON lines",
                         "leave it out, or give --stats");
    }
    if (!options.stats) return;
    struct Misfit {
        bool given;
        std::string_view name;
    };
    const std::array misfits{Misfit{options.follow, "--follow"},
                             Misfit{options.cursor_file.has_value(), "--cursor-file"},
                             Misfit{options.limit.has_value(), "--limit"},
                             Misfit{options.entity.has_value(), "--entity"},
                             Misfit{options.timeout > 0, "--timeout"},
                             Misfit{options.all, "--export"},
                             Misfit{has_command, "a COMMAND"}};
    for (const auto& misfit : misfits) {
        if (!misfit.given) continue;
        throw UsageError(
            fmt::format("--stats counts what is stored: {} does not go with it", misfit.name),
            "--since, --until and --trigger do");
    }
}

std::optional<std::int64_t> moment_ms(const std::string& option,
                                      const std::optional<std::string>& text, WallTime now) {
    if (!text) return std::nullopt;
    const auto moment = text::parse_moment(*text, now);
    if (!moment) {
        throw UsageError(fmt::format("{} {} is no time", option, *text),
                         "write 2026-11-23T17:04:05Z, 2026-11-23, or how long ago: 2h, 7d");
    }
    return std::chrono::ceil<std::chrono::milliseconds>(moment->time_since_epoch()).count();
}

void setup_events(CLI::App& app, EventsOptions& options) {
    app.add_option("--store", options.store,
                   "the event store (PWH_STORE, else events.db in the state folder)")
        ->type_name("FILE");
    app.add_option("--since", options.since, "only what was received then or later")
        ->type_name("T");
    app.add_option("--until", options.until, "only what was received before then")->type_name("T");
    app.add_option("--trigger", options.triggers, "only events of this trigger (may be repeated)")
        ->type_name("T")
        ->allow_extra_args(false);
    app.add_option("--entity", options.entity,
                   "only events of the entity with this reference (entityRef, or its last part)")
        ->type_name("REF");
    app.add_option("--limit", options.limit, "end after so many events")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 53U))
        ->type_name("N");
    app.add_flag("--follow", options.follow, "wait for new events, and go on");
    app.add_option("--timeout", options.timeout, "end after so many seconds")
        ->check(CLI::Range(0.001, longest_timeout))
        ->type_name("S");
    app.add_option("--cursor-file", options.cursor_file,
                   "go on after the last event that FILE remembers, and remember the last one")
        ->type_name("FILE");
    app.add_flag("--stats", options.stats, "count messages and events by day (UTC) and trigger");
    app.add_option("-o,--output", options.format, "for --stats: table or json (table)")
        ->check(CLI::IsMember({"table", "json"}))
        ->type_name("table|json");
    app.add_flag("--export", options.all,
                 "print each message as it came, as listen --format message does");
    app.footer(footer);
}

int run_events(Context& context, const EventsOptions& options) {
    check_events_options(options, !context.trailing.empty());
    const auto settings = resolve_settings(context);
    if (options.stats) return print_stats(context, options, settings);
    EventsJob job(context, options, settings);
    return context.trailing.empty() ? print_events(job) : hand_over_events(job);
}

}  // namespace pwh::commands
