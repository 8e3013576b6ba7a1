// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "preservica/probe.hpp"
#include "preservica/signature.hpp"
#include "text/percent.hpp"
#include "text/utf8.hpp"

namespace pwh::preservica {

namespace {

const auto noon = WallTime(std::chrono::seconds(1'700'000'000));
const std::string url = "https://h.example/p";

std::string query_of(const std::string& full) {
    return full.substr(full.find('?') + 1);
}

/// The challenge codes of a query, each decoded so often.
std::vector<std::string> codes_in(const std::string& query, int times) {
    std::vector<std::string> codes;
    for (const auto& [name, value] : text::parse_form(query)) {
        if (name != challenge_parameter) continue;
        auto code = value;
        for (int i = 1; i < times; ++i) code = text::form_decode(code).value_or(code);
        codes.push_back(std::move(code));
    }
    return codes;
}

TEST_CASE("a check's event is a message like any other, with the trigger that listen knows") {
    const auto body = check_message(noon, "an-id", "an-entity");
    const auto json = nlohmann::json::parse(body);
    CHECK(json["trigger"] == "PWH_CHECK");
    CHECK(json["subscriptionId"] == "an-id");
    CHECK(json["timestamp"] == "2023-11-14T22:13:20.000");
    REQUIRE(json["events"].size() == 1);
    CHECK(json["events"][0]["entityRef"] == "an-entity");
    CHECK(json["events"][0]["identifiers"].empty());
    CHECK(std::all_of(body.begin(), body.end(), [](char c) { return c >= ' ' && c < '\x7f'; }));
}

TEST_CASE("a check's event beyond ASCII is raw UTF-8, beyond Latin-1 too") {
    const auto body = check_message(noon, "an-id", "an-entity", true);
    CHECK(text::is_utf8(body));
    CHECK_FALSE(text::utf8_to_latin1(body));
    CHECK(nlohmann::json::parse(body)["events"][0]["identifiers"][0]["title"] == "Zoë – 東京");
}

TEST_CASE("an event goes out chunked, and by Content-Length as a proxy passes it on") {
    const auto direct = event_request(url, "{}", "ab");
    CHECK(direct.method == "POST");
    CHECK(direct.url == url);
    CHECK(direct.chunked);
    CHECK(direct.headers ==
          net::Headers{{"Content-Type", "application/json"}, {"Preservica-Signature", "ab"}});
    const auto proxied = proxied_event_request(url, "{}", "ab");
    CHECK_FALSE(proxied.chunked);
    CHECK(proxied.body == "{}");
    CHECK(proxied.headers ==
          net::Headers{{"content-type", "application/json"}, {"preservica-signature", "ab"}});
    CHECK(event_request(url, "{}", "").headers.size() == 1);
}

TEST_CASE("a challenge code joins the query that the URL has") {
    CHECK(handshake_request(url, "a b").url == url + "?challengeCode=a+b");
    CHECK(handshake_request(url + "?k=v", "c").url == url + "?k=v&challengeCode=c");
    CHECK(handshake_request(url + "?", "c").url == url + "?challengeCode=c");
    CHECK(handshake_request(url + "?k&", "c").url == url + "?k&challengeCode=c");
    CHECK(handshake_request(url + "#top", "c").url == url + "?challengeCode=c");
    CHECK(handshake_request(url, "c").method == "POST");
}

TEST_CASE("each oracle attempt carries the text of a forged event") {
    const std::string forged = R"({"events":[{"a":"b c+d%"}]})";
    const auto code = std::string(event_prefix) + forged;
    std::set<std::string> ways;
    for (const auto& attempt : oracle_attempts(url, forged, "harmless")) {
        CAPTURE(attempt.way);
        CHECK(ways.insert(attempt.way).second);
        REQUIRE_FALSE(attempt.forged_bodies.empty());
        CHECK(attempt.forged_bodies.front() == forged);
        const auto& request = attempt.request;
        if (request.body.empty()) {
            auto codes = codes_in(query_of(request.url), 1);
            const auto twice = codes_in(query_of(request.url), 2);
            codes.insert(codes.end(), twice.begin(), twice.end());
            CHECK(std::any_of(codes.begin(), codes.end(), [&](const std::string& each) {
                return each == code || each == " " + code;
            }));
        } else if (request.headers.front().second == "application/json") {
            CHECK(nlohmann::json::parse(request.body)["challengeCode"] == code);
        } else {
            CHECK(codes_in(request.body, 1) == std::vector{code});
        }
    }
    CHECK(ways.size() >= 10);
}

TEST_CASE("a forged event is short enough for a receiver that only limits the length of codes") {
    CHECK(event_prefix.size() + forged_message.size() < 80);
    CHECK(nlohmann::json::parse(forged_message)["trigger"] == check_trigger);
}

TEST_CASE("where a receiver may sign something, a code that is not forged is there") {
    for (const auto& attempt : oracle_attempts(url, "{}", "harmless")) {
        if (!attempt.may_sign_other) continue;
        CAPTURE(attempt.way);
        const auto codes = codes_in(query_of(attempt.request.url), 1);
        CHECK(std::any_of(codes.begin(), codes.end(),
                          [](const std::string& each) { return !each.starts_with(event_prefix); }));
    }
}

}  // namespace

}  // namespace pwh::preservica
