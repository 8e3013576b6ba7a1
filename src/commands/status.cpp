// SPDX-License-Identifier: Apache-2.0
#include "commands/status.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "commands/client.hpp"
#include "commands/event_store_path.hpp"
#include "preservica/probe.hpp"
#include "text/time.hpp"
#include "text/utf8.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::uint64_t many_refusals = 20;
constexpr std::uint64_t messages_per_refusal = 10;  ///< fewer are a finding

constexpr auto footer =
    "Exit 0 with one line when all is well; exit 9 with a line for each finding: no\n"
    "event for --max-age; in 24 hours at least 20 requests, and more than a tenth of\n"
    "the messages, refused for their signature, or answered 503 for want of a secret,\n"
    "of room or of a reader; with --remote, a subscription that the newest events of\n"
    "a trigger came from, or --url's, is gone at Preservica.\n"
    "\n"
    "  pwh status --max-age 2h --remote >/dev/null || mail-somebody\n";

/// 1,234
std::string grouped(std::uint64_t number) {
    auto text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, 1, ',');
    }
    return text;
}

std::string counted(std::uint64_t number, std::string_view noun) {
    return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

/// In the largest unit that it has two of: 90 minutes, 3 days.
std::string spoken(milliseconds age) {
    struct Unit {
        std::int64_t ms;
        std::string_view name;
    };
    constexpr std::array units{Unit{86'400'000, "day"}, Unit{3'600'000, "hour"},
                               Unit{60'000, "minute"}, Unit{1000, "second"}};
    const auto ms = std::max<std::int64_t>(age.count(), 0);
    const auto unit = std::find_if(units.begin(), units.end() - 1,
                                   [ms](const Unit& each) { return ms >= 2 * each.ms; });
    return counted(static_cast<std::uint64_t>(ms / unit->ms), unit->name);
}

milliseconds age_of(std::int64_t received_ms, WallTime now) {
    return std::chrono::duration_cast<milliseconds>(now.time_since_epoch()) -
           milliseconds(received_ms);
}

StoreHealth look_at(store::EventReader& reader, WallTime now) {
    const auto first_hour =
        std::chrono::floor<std::chrono::hours>(now.time_since_epoch() - 24h).count();
    StoreHealth health;
    health.messages = reader.messages({});
    health.newest_ms = reader.newest_ms();
    store::EventQuery recent;
    recent.since_ms = milliseconds(std::chrono::hours(first_hour)).count();
    health.recent_messages = reader.messages(recent);
    for (const auto& [reason, count] : reader.refusals(first_hour)) {
        health.refused += count;
        if (reason == "signature") health.refused_signatures += count;
        if (reason == "no-secret" || reason == "unwritten" || reason == "overload") {
            health.turned_away += count;
        }
    }
    return health;
}

std::optional<milliseconds> max_age_of(const StatusOptions& options) {
    if (!options.max_age) return std::nullopt;
    const auto age = text::parse_age(*options.max_age);
    if (!age) {
        throw UsageError(fmt::format("--max-age {} is no length of time", *options.max_age),
                         "write a whole number and s, m, h, d or w: 90s, 2h, 7d");
    }
    return age;
}

void check_options(const StatusOptions& options) {
    if (options.url && !options.remote) {
        throw UsageError("--url is looked for at Preservica", "give --remote, too");
    }
    if ((options.url && options.url->empty()) || (options.store && options.store->empty())) {
        throw UsageError("an option is empty", "pwh help status");
    }
}

}  // namespace

std::vector<std::string> local_findings(const StoreHealth& health,
                                        std::optional<milliseconds> max_age, WallTime now) {
    std::vector<std::string> findings;
    if (max_age && !health.newest_ms) {
        findings.emplace_back("the store holds no event");
    } else if (max_age && age_of(*health.newest_ms, now) > *max_age) {
        findings.push_back(fmt::format("no event for {}: the newest came at {}",
                                       spoken(age_of(*health.newest_ms, now)),
                                       text::rfc3339(WallTime(milliseconds(*health.newest_ms)))));
    }
    if (health.refused_signatures >= many_refusals &&
        health.refused_signatures * messages_per_refusal > health.recent_messages) {
        findings.push_back(fmt::format(
            "{} refused for the signature in 24 hours, {} accepted: compare the secrets of the "
            "receiver and of the subscriptions",
            counted(health.refused_signatures, "request"),
            counted(health.recent_messages, "message")));
    }
    if (health.turned_away >= many_refusals &&
        health.turned_away * messages_per_refusal > health.recent_messages) {
        findings.push_back(fmt::format(
            "{} answered 503 in 24 hours, {} accepted: see the receiver's log for what it lacks",
            counted(health.turned_away, "request"), counted(health.recent_messages, "message")));
    }
    return findings;
}

std::vector<std::string> remote_findings(const std::vector<store::Source>& sources,
                                         const std::optional<std::string>& url,
                                         const std::vector<preservica::Subscription>& subscribed) {
    const auto any = [&subscribed](auto is_it) {
        return std::any_of(subscribed.begin(), subscribed.end(), is_it);
    };
    std::vector<std::string> findings;
    if (url) {
        if (!any([&](const auto& each) { return each.url == *url; })) {
            findings.push_back(
                fmt::format("Preservica has no subscription for {}", text::printable(*url)));
        }
        return findings;
    }
    for (const auto& source : sources) {
        if (source.subscription.empty() || source.subscription == preservica::test_subscription ||
            any([&](const auto& each) { return each.id == source.subscription; })) {
            continue;
        }
        findings.push_back(
            fmt::format("the subscription {}, which the newest {} events came from, is gone at "
                        "Preservica",
                        text::printable(source.subscription), text::printable(source.trigger)));
    }
    return findings;
}

std::string good_line(const StoreHealth& health, WallTime now) {
    const auto newest = health.newest_ms ? fmt::format(", the newest {} ago",
                                                       spoken(age_of(*health.newest_ms, now)))
                                         : std::string();
    return fmt::format("ok: {}{}, {} refused in 24 hours", counted(health.messages, "message"),
                       newest, counted(health.refused, "request"));
}

void setup_status(CLI::App& app, StatusOptions& options) {
    app.add_option("--store", options.store,
                   "the event store (PWH_STORE, else events.db in the state folder)")
        ->type_name("FILE");
    app.add_option("--max-age", options.max_age,
                   "how old the newest event may be: 90s, 2h, 7d (any age, else)")
        ->type_name("AGE");
    app.add_flag("--remote", options.remote,
                 "ask Preservica whether the subscriptions are there that events came from");
    app.add_option("--url", options.url,
                   "with --remote: only whether there is a subscription for this URL");
    app.footer(footer);
}

int run_status(Context& context, const StatusOptions& options) {
    check_options(options);
    const auto max_age = max_age_of(options);
    const auto settings = resolve_settings(context);
    auto reader = open_event_store(event_store_path(options.store.value_or(""), settings));
    const auto now = context.now();
    const auto health = look_at(reader, now);
    auto findings = local_findings(health, max_age, now);
    std::optional<Error> failure;
    if (options.remote) {
        try {
            Client client(context, settings);
            const auto remote = remote_findings(reader.newest_sources(), options.url,
                                                client.subscriptions().list());
            findings.insert(findings.end(), remote.begin(), remote.end());
        } catch (const Error& error) {
            // What was found before decides the code, and is said either way.
            if (findings.empty()) throw;
            failure = error;
        }
    }
    std::string text;
    for (const auto& finding : findings) text += finding + '\n';
    context.out.write(findings.empty() ? good_line(health, now) + '\n' : text);
    if (failure) context.diagnostics.error(failure->what(), failure->hint());
    return static_cast<int>(findings.empty() ? ExitCode::ok : ExitCode::unhealthy);
}

}  // namespace pwh::commands
