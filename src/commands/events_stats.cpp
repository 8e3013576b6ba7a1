// SPDX-License-Identifier: Apache-2.0
#include "commands/events_stats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "receiver/lines.hpp"
#include "text/table.hpp"
#include "text/time.hpp"
#include "text/utf8.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t usual_columns = 80;
constexpr std::size_t date_length = 10;
constexpr std::size_t eighths = 8;

std::string day_text(std::int64_t day) {
    return text::rfc3339(WallTime(std::chrono::hours(24 * day))).substr(0, date_length);
}

/// A bar, in eighths of a column where the terminal has them; what is there at all is seen.
std::string bar(std::uint64_t events, std::uint64_t most, std::size_t columns, bool utf8) {
    static constexpr std::array<std::string_view, eighths> parts{"",  "▏", "▎", "▍",
                                                                 "▌", "▋", "▊", "▉"};
    if (events == 0) return {};
    const auto share = static_cast<double>(events) / static_cast<double>(most);
    const auto length = std::max<std::size_t>(
        1, static_cast<std::size_t>(share * static_cast<double>(columns * eighths)));
    if (!utf8) return std::string((length + eighths - 1) / eighths, '#');
    std::string text;
    for (std::size_t i = 0; i < length / eighths; ++i) text += "█";
    return text.append(parts.at(length % eighths));
}

std::size_t width(const text::Row& row) {
    std::size_t sum = 0;
    for (const auto& cell : row) sum += text::display_width(cell) + 2;
    return sum;
}

/// Pads a column of numbers, so that they end below each other.
void align_right(std::vector<text::Row>& rows, std::size_t column) {
    std::size_t widest = 0;
    for (const auto& row : rows) widest = std::max(widest, row[column].size());
    for (auto& row : rows) row[column].insert(0, widest - row[column].size(), ' ');
}

void add_bars(std::vector<text::Row>& rows, const std::vector<std::uint64_t>& events,
              std::size_t columns, bool utf8) {
    std::size_t used = 0;
    for (const auto& row : rows) used = std::max(used, width(row));
    if (used >= columns) return;
    const auto most = *std::max_element(events.begin(), events.end());
    rows.front().emplace_back();
    for (std::size_t i = 0; i < events.size(); ++i) {
        rows[i + 1].push_back(bar(events[i], most, columns - used, utf8));
    }
}

}  // namespace

std::string render_counts_table(const store::Counts& counts, const Terminal& terminal) {
    if (counts.empty()) return {};
    std::vector<text::Row> rows{{"DAY", "TRIGGER", "MESSAGES", "EVENTS"}};
    std::vector<std::uint64_t> events;
    for (const auto& [key, count] : counts) {
        rows.push_back({day_text(key.first), text::printable(key.second),
                        std::to_string(count.messages), std::to_string(count.events)});
        events.push_back(count.events);
    }
    align_right(rows, 2);
    align_right(rows, 3);
    const auto columns = terminal.columns > 0 ? terminal.columns : usual_columns;
    if (terminal.stdout_is_tty) add_bars(rows, events, columns, terminal.utf8);
    const auto header = rows.front();
    rows.erase(rows.begin());
    return text::render_table(header, rows, terminal.columns, terminal.utf8);
}

std::string render_counts_json(const store::Counts& counts) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& [key, count] : counts) {
        list.push_back({{"day", day_text(key.first)},
                        {"trigger", key.second},
                        {"messages", count.messages},
                        {"events", count.events}});
    }
    // In ASCII: what a message brought must not act on a terminal.
    return list.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

store::Counts count_events(store::EventReader& reader, const store::EventQuery& query) {
    receiver::LineWriter writer(receiver::LineFormat::event);
    return reader.count(query, [&writer](std::string_view body) {
        return writer.read(body) ? writer.events() : 0;
    });
}

}  // namespace pwh::commands
