// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pwh::text {

/// RFC 3339 in UTC with milliseconds: `2026-11-23T17:04:05.678Z`.
std::string rfc3339(WallTime time);

/// The IMF-fixdate of RFC 9110 for a Date header: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string http_date(WallTime time);

/// A length of time as users write it: a whole number and `s`, `m`, `h`, `d` or `w`: `90d`, `2h`.
/// Nothing for anything else, or for what no clock can hold.
std::optional<std::chrono::milliseconds> parse_age(std::string_view text);

/// A moment as users write it: RFC 3339 with a zone, a date (its start in UTC), or an age before
/// `now`. Nothing for anything else.
std::optional<WallTime> parse_moment(std::string_view text, WallTime now);

}  // namespace pwh::text
