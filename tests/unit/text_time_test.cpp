// SPDX-License-Identifier: Apache-2.0
#include "text/time.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace std::chrono_literals;
using pwh::WallTime;
using pwh::text::parse_age;
using pwh::text::parse_moment;
using pwh::text::rfc3339;

namespace {

/// 2026-11-23T17:04:05.678Z
constexpr WallTime now{std::chrono::milliseconds(1'795'453'445'678)};

std::string moment(std::string_view text) {
    const auto parsed = parse_moment(text, now);
    return parsed ? rfc3339(*parsed) : "none";
}

}  // namespace

TEST_CASE("an age is a whole number and a unit") {
    CHECK(parse_age("0s") == 0ms);
    CHECK(parse_age("90s") == 90s);
    CHECK(parse_age("5m") == 5min);
    CHECK(parse_age("2h") == 2h);
    CHECK(parse_age("7d") == 168h);
    CHECK(parse_age("007d") == 168h);
    CHECK(parse_age("2w") == 336h);
    CHECK(parse_age("106751d") == 24h * 106'751);
}

TEST_CASE("no age is anything else") {
    const std::vector<std::string> wrong{
        "",   "d",  "7",   "7 d",  " 7d",  "7d ",  "-7d",       "+7d", "1.5h",
        "7D", "7y", "7dd", "1d2h", "0x7d", "1e3s", "7\xc2\xb5", "d7",  std::string("7d\0", 3)};
    for (const auto& text : wrong) {
        CAPTURE(text);
        CHECK_FALSE(parse_age(text));
    }
}

TEST_CASE("no age is longer than what a clock holds") {
    CHECK_FALSE(parse_age("106752d"));
    CHECK_FALSE(parse_age("9223372037s"));
    CHECK_FALSE(parse_age("18446744073709551617s"));
    CHECK_FALSE(parse_age(std::string(400, '9') + "w"));
    CHECK(parse_age("9223372036s") == 9'223'372'036s);
}

TEST_CASE("a moment is RFC 3339, a date or an age") {
    CHECK(moment("2026-11-23T17:04:05.678Z") == "2026-11-23T17:04:05.678Z");
    CHECK(moment("2026-11-23T17:04:05Z") == "2026-11-23T17:04:05.000Z");
    CHECK(moment("2026-11-23t17:04:05z") == "2026-11-23T17:04:05.000Z");
    CHECK(moment("2026-11-23 17:04:05Z") == "2026-11-23T17:04:05.000Z");
    CHECK(moment("2026-11-23T17:04:05+02:00") == "2026-11-23T15:04:05.000Z");
    CHECK(moment("2026-11-23T17:04:05-09:30") == "2026-11-24T02:34:05.000Z");
    CHECK(moment("2026-11-23T17:04:05-00:00") == "2026-11-23T17:04:05.000Z");
    CHECK(moment("2026-11-23T17:04:05.1234567891234Z") == "2026-11-23T17:04:05.123Z");
    CHECK(moment("2016-12-31T23:59:60Z") == "2017-01-01T00:00:00.000Z");
    CHECK(moment("2024-02-29") == "2024-02-29T00:00:00.000Z");
    CHECK(moment("1969-12-31T23:59:59.999Z") == "1969-12-31T23:59:59.999Z");
    CHECK(moment("2261-01-01") == "2261-01-01T00:00:00.000Z");
    CHECK(moment("2h") == "2026-11-23T15:04:05.678Z");
    CHECK(moment("7d") == "2026-11-16T17:04:05.678Z");
    CHECK(moment("0s") == "2026-11-23T17:04:05.678Z");
}

TEST_CASE("a moment keeps what is finer than a millisecond") {
    const auto parsed = parse_moment("2026-11-23T17:04:05.6780001Z", now);
    REQUIRE(parsed);
    CHECK(*parsed - now == 100ns);
}

TEST_CASE("no moment is anything else") {
    const std::vector<std::string> wrong{"",
                                         "now",
                                         "today",
                                         "yesterday",
                                         "2026",
                                         "2026-11",
                                         "2026-1-2",
                                         "20261123",
                                         "2026-11-23T",
                                         "2026-11-23T17:04Z",
                                         "2026-11-23T17:04:05",
                                         "2026-11-23T17:04:05 Z",
                                         "2026-11-23T17:04:05.Z",
                                         "2026-11-23T17:04:05,5Z",
                                         "2026-11-23T17:04:05+0200",
                                         "2026-11-23T17:04:05+02",
                                         "2026-11-23T17:04:05+24:00",
                                         "2026-11-23T17:04:05+02:60",
                                         "2026-11-23T17:04:05ZZ",
                                         "2026-11-23T24:00:00Z",
                                         "2026-11-23T23:60:00Z",
                                         "2026-11-23T23:59:61Z",
                                         "2026-02-29",
                                         "2026-00-10",
                                         "2026-13-10",
                                         "2026-12-00",
                                         "2026-04-31",
                                         "-2026-11-23",
                                         " 2026-11-23",
                                         "2026-11-23 ",
                                         "2026-11-23Z",
                                         "2026/11/23",
                                         "0000-01-01",
                                         "1600-01-01",
                                         "2300-01-01",
                                         "9999-12-31",
                                         "-2h",
                                         "1700000000"};
    for (const auto& text : wrong) {
        CAPTURE(text);
        CHECK(moment(text) == "none");
    }
}

TEST_CASE("an age that reaches back before all clocks is no moment") {
    CHECK_FALSE(parse_moment("106751d", WallTime::min() + 24h));
}
