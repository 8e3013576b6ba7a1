// SPDX-License-Identifier: Apache-2.0
#include "text/time.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <limits>

namespace pwh::text {

namespace {

std::tm utc(WallTime time) {
    const std::time_t seconds =
        std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return parts;
}

/// Takes the parts of a text from its start, each exactly as it has to be.
class Pieces {
  public:
    explicit Pieces(std::string_view text) : rest_(text) {}

    bool at_end() const { return rest_.empty(); }

    /// One of these characters; NUL when the next is none.
    char one_of(std::string_view characters) {
        if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return '\0';
        const char taken = rest_.front();
        rest_.remove_prefix(1);
        return taken;
    }

    /// A number of exactly so many digits, up to `highest`.
    std::optional<int> number(std::size_t digits, int highest) {
        if (rest_.size() < digits) return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            if (!is_digit(rest_[i])) return std::nullopt;
            value = value * 10 + (rest_[i] - '0');
        }
        if (value > highest) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }

    /// The digits behind a decimal point, as nanoseconds; what is finer is cut off.
    std::optional<std::chrono::nanoseconds> fraction() {
        std::int64_t value = 0;
        std::int64_t unit = 1'000'000'000;
        bool any = false;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), any = true) {
            unit /= 10;
            value += unit * (rest_.front() - '0');
        }
        if (!any) return std::nullopt;
        return std::chrono::nanoseconds(value);
    }

  private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }

    std::string_view rest_;
};

std::optional<std::chrono::sys_days> take_date(Pieces& pieces) {
    const auto year = pieces.number(4, 9999);
    if (!year || pieces.one_of("-") == '\0') return std::nullopt;
    const auto month = pieces.number(2, 12);
    if (!month || pieces.one_of("-") == '\0') return std::nullopt;
    const auto day = pieces.number(2, 31);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

/// The time of day. A leap second is the start of the next minute.
std::optional<std::chrono::nanoseconds> take_time(Pieces& pieces) {
    const auto hour = pieces.number(2, 23);
    if (!hour || pieces.one_of(":") == '\0') return std::nullopt;
    const auto minute = pieces.number(2, 59);
    if (!minute || pieces.one_of(":") == '\0') return std::nullopt;
    const auto second = pieces.number(2, 60);
    if (!second) return std::nullopt;
    const auto whole =
        std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
    if (pieces.one_of(".") == '\0') return whole;
    const auto fraction = pieces.fraction();
    if (!fraction) return std::nullopt;
    return whole + *fraction;
}

std::optional<std::chrono::minutes> take_zone(Pieces& pieces) {
    const char first = pieces.one_of("Zz+-");
    if (first == '\0') return std::nullopt;
    if (first == 'Z' || first == 'z') return std::chrono::minutes(0);
    const auto hours = pieces.number(2, 23);
    if (!hours || pieces.one_of(":") == '\0') return std::nullopt;
    const auto minutes = pieces.number(2, 59);
    if (!minutes) return std::nullopt;
    const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    return first == '-' ? -offset : offset;
}

/// The years that WallTime holds whole.
bool representable(std::chrono::sys_days day) {
    using std::chrono::sys_days;
    using std::chrono::year;
    return day >= sys_days(year(1678) / 1 / 2) && day <= sys_days(year(2261) / 12 / 30);
}

std::optional<WallTime> parse_timestamp(std::string_view text) {
    Pieces pieces(text);
    const auto date = take_date(pieces);
    if (!date || !representable(*date)) return std::nullopt;
    if (pieces.at_end()) return WallTime(*date);
    if (pieces.one_of("Tt ") == '\0') return std::nullopt;
    const auto time = take_time(pieces);
    if (!time) return std::nullopt;
    const auto zone = take_zone(pieces);
    if (!zone || !pieces.at_end()) return std::nullopt;
    return WallTime(*date) + std::chrono::duration_cast<WallTime::duration>(*time) - *zone;
}

/// A unit's length; 0 for what is no unit.
std::int64_t seconds_of(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86'400;
        case 'w':
            return 604'800;
        default:
            return 0;
    }
}

}  // namespace

std::string rfc3339(WallTime time) {
    // By hand: it is made for every message, and a formatter takes ten times as long.
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
    std::string text = "0000-00-00T00:00:00.000Z";
    const auto put = [&text](std::size_t end, std::int64_t number) {
        for (; number > 0 && end-- > 0; number /= 10) {
            text[end] = static_cast<char>('0' + number % 10);
        }
    };
    put(4, int{date.year()});
    put(7, unsigned{date.month()});
    put(10, unsigned{date.day()});
    put(13, clock.hours().count());
    put(16, clock.minutes().count());
    put(19, clock.seconds().count());
    put(23, clock.subseconds().count());
    return text;
}

std::string http_date(WallTime time) {
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto parts = utc(time);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       days.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                       months.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<std::chrono::milliseconds> parse_age(std::string_view text) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
    const auto unit = text.empty() ? 0 : seconds_of(text.back());
    if (unit == 0 || text.size() < 2) return std::nullopt;
    std::int64_t count = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (c < '0' || c > '9') return std::nullopt;
        count = count * 10 + (c - '0');
        if (count > most / unit) return std::nullopt;
    }
    return std::chrono::seconds(count * unit);
}

std::optional<WallTime> parse_moment(std::string_view text, WallTime now) {
    if (const auto age = parse_age(text)) {
        if (now.time_since_epoch() < WallTime::min().time_since_epoch() + *age) return std::nullopt;
        return now - *age;
    }
    return parse_timestamp(text);
}

}  // namespace pwh::text
