// SPDX-License-Identifier: Apache-2.0
#include "commands/events.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal.hpp"
#include "commands/events_stats.hpp"
#include "text/utf8.hpp"

using namespace pwh;
using commands::check_events_options;
using commands::EventsOptions;
using commands::moment_ms;

namespace {

constexpr WallTime now{std::chrono::milliseconds(1'795'453'445'678)};

void refuse(const EventsOptions& options, bool has_command = false) {
    CHECK_THROWS_AS(check_events_options(options, has_command), UsageError);
}

store::Counts three_counts() {
    return {{{20'000, "MOVED"}, {3, 1}},
            {{20'001, "FULL_TEXT_INDEXED"}, {1000, 80'000}},
            {{20'001, "MOVED"}, {10, 40'000}}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

Terminal terminal_of(unsigned columns) {
    Terminal terminal;
    terminal.stdout_is_tty = true;
    terminal.columns = columns;
    return terminal;
}

}  // namespace

TEST_CASE("--stats goes with what chooses messages, and with nothing else") {
    EventsOptions stats;
    stats.stats = true;
    stats.since = "2h";
    stats.until = "1h";
    stats.triggers = {"moved"};
    stats.format = "json";
    CHECK_NOTHROW(check_events_options(stats, false));
    refuse(stats, true);
    const auto refuse_with = [&stats](auto change) {
        auto options = stats;
        change(options);
        refuse(options);
    };
    refuse_with([](EventsOptions& options) { options.follow = true; });
    refuse_with([](EventsOptions& options) { options.cursor_file = "f"; });
    refuse_with([](EventsOptions& options) { options.limit = 1; });
    refuse_with([](EventsOptions& options) { options.entity = "e"; });
    refuse_with([](EventsOptions& options) { options.timeout = 1; });
    refuse_with([](EventsOptions& options) { options.all = true; });
}

TEST_CASE("everything else goes together") {
    EventsOptions options;
    CHECK_NOTHROW(check_events_options(options, false));
    options.follow = options.all = true;
    options.timeout = 1;
    options.limit = 5;
    options.cursor_file = "f";
    options.entity = "e";
    CHECK_NOTHROW(check_events_options(options, true));
    options.format = "table";
    refuse(options);
}

TEST_CASE("an option that names something is not empty") {
    const auto refuse_empty = [](auto member) {
        EventsOptions options;
        options.*member = "";
        refuse(options);
    };
    refuse_empty(&EventsOptions::store);
    refuse_empty(&EventsOptions::entity);
    refuse_empty(&EventsOptions::cursor_file);
    CHECK_THROWS_AS(moment_ms("--since", "", now), UsageError);
}

TEST_CASE("a moment in milliseconds is not before what it says") {
    CHECK_FALSE(moment_ms("--since", std::nullopt, now));
    CHECK(moment_ms("--since", "2026-11-23T17:04:05.678Z", now) == 1'795'453'445'678);
    CHECK(moment_ms("--since", "2026-11-23T17:04:05.6780001Z", now) == 1'795'453'445'679);
    CHECK(moment_ms("--since", "1969-12-31T23:59:59.9995Z", now) == 0);
    CHECK(moment_ms("--until", "1h", now) == 1'795'449'845'678);
    CHECK_THROWS_WITH_AS(moment_ms("--until", "soon", now), "--until soon is no time", UsageError);
}

TEST_CASE("counts as a table: numbers below each other, without bars where there is no terminal") {
    CHECK(commands::render_counts_table(three_counts(), Terminal{}) ==
          "DAY         TRIGGER            MESSAGES  EVENTS\n"
          "2024-10-04  MOVED                     3       1\n"
          "2024-10-05  FULL_TEXT_INDEXED      1000   80000\n"
          "2024-10-05  MOVED                    10   40000\n");
    CHECK(commands::render_counts_table({}, Terminal{}).empty());
}

TEST_CASE("bars fill what a terminal has room for") {
    for (const unsigned columns : {0U, 50U, 60U, 80U, 200U}) {
        CAPTURE(columns);
        const auto lines =
            lines_of(commands::render_counts_table(three_counts(), terminal_of(columns)));
        const auto whole = columns == 0 ? 80U : columns;
        REQUIRE(lines.size() == 4);
        CHECK(text::display_width(lines[2]) == whole);
        CHECK(text::display_width(lines[3]) <= whole);
        CHECK(text::display_width(lines[3]) - 49 == (whole - 49 + 1) / 2);
        CHECK(lines[1].ends_with("  ▏"));
    }
    const auto narrow = commands::render_counts_table(three_counts(), terminal_of(40));
    CHECK(narrow.find("▏") == std::string::npos);
    for (const auto& line : lines_of(narrow)) CHECK(text::display_width(line) <= 40);
}

TEST_CASE("bars are of ASCII where the terminal has no UTF-8") {
    auto terminal = terminal_of(80);
    terminal.utf8 = false;
    const auto lines = lines_of(commands::render_counts_table(three_counts(), terminal));
    REQUIRE(lines.size() == 4);
    CHECK(lines[1].ends_with("  #"));
    CHECK(lines[2].ends_with("  " + std::string(31, '#')));
    CHECK(lines[3].ends_with("  " + std::string(16, '#')));
}

TEST_CASE("the locale says whether a terminal takes UTF-8") {
    struct Case {
        std::map<std::string, std::string> variables;
        bool utf8;
    };
    for (const auto& [variables, utf8] : {
             Case{{}, false},
             Case{{{"LANG", "C"}}, false},
             Case{{{"LANG", "de_DE"}}, false},
             Case{{{"LANG", "de_DE.ISO-8859-1"}}, false},
             Case{{{"LANG", "de_DE.UTF-8"}}, true},
             Case{{{"LANG", "C.utf8"}}, true},
             Case{{{"LANG", "C"}, {"LC_CTYPE", "en_GB.UTF-8@euro"}}, true},
             Case{{{"LANG", "C.UTF-8"}, {"LC_CTYPE", "C"}}, false},
             Case{{{"LANG", "C.UTF-8"}, {"LC_ALL", "POSIX"}}, false},
             Case{{{"LC_CTYPE", "C"}, {"LC_ALL", "C.UTF-8"}}, true},
         }) {
        const auto terminal = detect_terminal([&vars = variables](const std::string& name) {
            const auto found = vars.find(name);
            return found == vars.end() ? std::nullopt : std::optional<std::string>(found->second);
        });
        CHECK(terminal.utf8 == utf8);
    }
}

TEST_CASE("counts as JSON are an array, also when there are none") {
    const auto list = nlohmann::json::parse(commands::render_counts_json(three_counts()));
    REQUIRE(list.size() == 3);
    CHECK(list[1] == nlohmann::json{{"day", "2024-10-05"},
                                    {"trigger", "FULL_TEXT_INDEXED"},
                                    {"messages", 1000},
                                    {"events", 80'000}});
    CHECK(commands::render_counts_json({}) == "[]\n");
    const auto wild = commands::render_counts_json({{{0, "\x1b[2J\xff\xc2\x9b"}, {1, 1}}});
    CHECK(text::printable(wild.substr(0, wild.size() - 1)).find("\\x1b") == std::string::npos);
    CHECK(wild.find('\x1b') == std::string::npos);
}
