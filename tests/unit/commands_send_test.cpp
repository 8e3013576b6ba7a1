// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "commands/send.hpp"
#include "commands/send_report.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const Diagnostics silent(-1, Verbosity::quiet);
const auto noon = WallTime(std::chrono::seconds(1'700'000'000));

SendOptions options_for(const std::string& trigger) {
    SendOptions options;
    options.trigger = trigger;
    return options;
}

TEST_CASE("percentiles are answers that were measured, by nearest rank") {
    SendReport report;
    CHECK(report.percentile(50) == 0us);
    report.add_answer(200, 7us);
    CHECK(report.percentile(0) == 7us);
    CHECK(report.percentile(50) == 7us);
    CHECK(report.percentile(100) == 7us);
    SendReport hundred;
    for (int i = 100; i >= 1; --i) hundred.add_answer(200, std::chrono::microseconds(i));
    CHECK(hundred.percentile(50) == 50us);
    CHECK(hundred.percentile(90) == 90us);
    CHECK(hundred.percentile(99) == 99us);
    CHECK(hundred.percentile(99.1) == 100us);
    CHECK(hundred.percentile(100) == 100us);
    CHECK(hundred.percentile(1) == 1us);
}

TEST_CASE("a latency too long to keep stays the longest") {
    SendReport report;
    report.add_answer(200, std::chrono::hours(100));
    CHECK(report.percentile(100) == std::chrono::microseconds(4'294'967'295));
}

TEST_CASE("answers are counted by status, and silence as a kind of its own") {
    SendReport report;
    report.add_answer(200, 1ms);
    report.add_answer(503, 1ms);
    report.add_answer(204, 1ms);
    report.add_answer(200, 1ms);
    report.add_answer(302, 1ms);
    report.add_failure();
    report.add_failure();
    CHECK(report.sent() == 7);
    CHECK(report.accepted() == 3);
    CHECK(report.failures() == 2);
    CHECK(report.silence() == 2);
    CHECK(report.lines() == "200\t2\n204\t1\n302\t1\n503\t1\nno-answer\t2\n");
    CHECK(report.answers() == "200: 2, 204: 1, 302: 1, 503: 1, no answer: 2");
    report.add_answer(200, 1ms);
    CHECK(report.silence() == 0);
    CHECK(SendReport().lines().empty());
}

TEST_CASE("the summary tells rate and latency") {
    SendReport report;
    report.add_answer(200, 1200us);
    report.add_answer(200, 45ms);
    CHECK(report.summary(4s) ==
          "sent 2 messages in 4.00 s: 0.5 per second; latency p50 1.2 ms, p90 45 ms, p99 45 ms, "
          "max 45 ms");
    SendReport unanswered;
    unanswered.add_failure();
    CHECK(unanswered.summary(2s) == "sent 1 message in 2.00 s: 0.5 per second");
}

TEST_CASE("durations are spoken in the unit that fits") {
    CHECK(spoken_duration(0us) == "0.0 ms");
    CHECK(spoken_duration(1234us) == "1.2 ms");
    CHECK(spoken_duration(12'345us) == "12 ms");
    CHECK(spoken_duration(12'345ms) == "12.3 s");
}

TEST_CASE("a message has an event for each entity, with type and identifiers") {
    auto options = options_for("moved");
    options.entities = {"one", "https://h/two"};
    options.type = "SO";
    options.identifiers = {"BatchId=42", "note=a=b", "empty="};
    MessageMaker maker(options, "ACME", silent);
    const auto message = json::parse(maker.next(noon));
    CHECK(message["trigger"] == "MOVED");
    CHECK(message["tenant"] == "ACME");
    CHECK(message["subscriptionId"].get<std::string>().size() == 32);
    REQUIRE(message["events"].size() == 2);
    CHECK(message["events"][0]["entityRef"] == "one");
    CHECK(message["events"][1]["entityRef"] == "https://h/two");
    for (const auto& event : message["events"]) {
        CHECK(event["event"] == "Moved");
        CHECK(event["entityType"] == "SO");
        CHECK(event["identifiers"] ==
              json::parse(R"([{"BatchId":"42"},{"note":"a=b"},{"empty":""}])"));
    }
}

TEST_CASE("messages differ, also within one millisecond and with the same entity") {
    auto options = options_for("indexed");
    MessageMaker random(options, "T", silent);
    options.entities = {"one"};
    MessageMaker fixed(options, "T", silent);
    std::set<std::string> bodies;
    std::set<std::string> entities;
    for (int i = 0; i < 100; ++i) {
        const auto message = json::parse(random.next(noon));
        REQUIRE(message["events"].size() == 1);
        entities.insert(message["events"][0]["entityRef"]);
        bodies.insert(fixed.next(noon));
    }
    CHECK(entities.size() == 100);
    CHECK(bodies.size() == 100);
    CHECK(json::parse(fixed.next(noon + 1h))["timestamp"] == "2023-11-14T23:13:20.000");
}

TEST_CASE("what can't be sent is a usage error") {
    const auto refused = [](const SendOptions& options) {
        CHECK_THROWS_AS(MessageMaker(options, "T", silent), UsageError);
    };
    refused(options_for(""));
    refused(options_for("no-such-trigger"));
    auto options = options_for("indexed");
    options.entities = {""};
    refused(options);
    for (const auto* identifier : {"", "=", "=value", "name"}) {
        CAPTURE(identifier);
        options = options_for("indexed");
        options.identifiers = {identifier};
        refused(options);
    }
}

TEST_CASE("text that is not UTF-8 can't be in a message") {
    auto options = options_for("indexed");
    options.entities = {"\xff"};
    MessageMaker maker(options, "T", silent);
    CHECK_THROWS_AS(maker.next(noon), UsageError);
}

}  // namespace

}  // namespace pwh::commands
