// SPDX-License-Identifier: Apache-2.0
#include "commands/status.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace pwh;
using namespace std::chrono_literals;
using commands::good_line;
using commands::local_findings;
using commands::remote_findings;
using commands::StoreHealth;

namespace {

constexpr std::int64_t now_ms = 1'795'453'445'678;
constexpr WallTime now{std::chrono::milliseconds(now_ms)};

StoreHealth healthy() {
    StoreHealth health;
    health.messages = 1'234'567;
    health.newest_ms = now_ms - 200'000;
    health.recent_messages = 400;
    health.refused = 2;
    return health;
}

std::string newest(std::chrono::milliseconds age) {
    StoreHealth health;
    health.messages = 1;
    health.newest_ms = now_ms - age.count();
    return good_line(health, now);
}

std::vector<preservica::Subscription> subscribed() {
    return {{"id1", "https://one.example/", "MOVED", {}},
            {"id2", "https://two.example/", "FULL_TEXT_INDEXED", {}}};
}

}  // namespace

TEST_CASE("the good line says how much, how new, and what was refused") {
    CHECK(good_line(healthy(), now) ==
          "ok: 1,234,567 messages, the newest 3 minutes ago, 2 requests refused in 24 hours");
    CHECK(good_line({}, now) == "ok: 0 messages, 0 requests refused in 24 hours");
    CHECK(newest(0s) == "ok: 1 message, the newest 0 seconds ago, 0 requests refused in 24 hours");
    CHECK(newest(1s).find("newest 1 second ago") != std::string::npos);
    CHECK(newest(119s).find("newest 119 seconds ago") != std::string::npos);
    CHECK(newest(120s).find("newest 2 minutes ago") != std::string::npos);
    CHECK(newest(47h).find("newest 47 hours ago") != std::string::npos);
    CHECK(newest(48h).find("newest 2 days ago") != std::string::npos);
    CHECK(newest(-5min).find("newest 0 seconds ago") != std::string::npos);
}

TEST_CASE("no event for too long is a finding, where it is asked for") {
    CHECK(local_findings(healthy(), std::nullopt, now).empty());
    CHECK(local_findings(healthy(), 200s, now).empty());
    const auto late = local_findings(healthy(), 199'999ms, now);
    REQUIRE(late.size() == 1);
    CHECK(late.front() == "no event for 3 minutes: the newest came at 2026-11-23T17:00:45.678Z");
    CHECK(local_findings({}, std::nullopt, now).empty());
    CHECK(local_findings({}, 1h, now).size() == 1);
}

TEST_CASE("refused signatures are a finding when they are many, and more than a tenth") {
    auto health = healthy();
    const auto found = [&](std::uint64_t refused, std::uint64_t messages) {
        health.refused_signatures = refused;
        health.recent_messages = messages;
        return local_findings(health, std::nullopt, now).size();
    };
    CHECK(found(19, 0) == 0);
    CHECK(found(20, 0) == 1);
    CHECK(found(20, 199) == 1);
    CHECK(found(20, 200) == 0);
    CHECK(found(21, 200) == 1);
    CHECK(found(1'000'000, 10'000'000) == 0);
}

TEST_CASE("so are many answers 503") {
    auto health = healthy();
    health.recent_messages = 199;
    health.turned_away = 20;
    CHECK(local_findings(health, std::nullopt, now).size() == 1);
    health.recent_messages = 200;
    CHECK(local_findings(health, std::nullopt, now).empty());
    health.turned_away = 19;
    health.recent_messages = 0;
    CHECK(local_findings(health, std::nullopt, now).empty());
}

TEST_CASE("the subscription of test events is nobody's") {
    CHECK(
        remote_findings({{"00000000000000000000000000000000", "MOVED"}}, std::nullopt, subscribed())
            .empty());
}

TEST_CASE("a subscription that events came from and that is gone is a finding") {
    CHECK(remote_findings({{"id1", "MOVED"}, {"id2", "FULL_TEXT_INDEXED"}, {"", "NONE"}},
                          std::nullopt, subscribed())
              .empty());
    const auto gone =
        remote_findings({{"id1", "MOVED"}, {"id3\x1b", "T"}}, std::nullopt, subscribed());
    REQUIRE(gone.size() == 1);
    CHECK(gone.front() ==
          "the subscription id3\\x1b, which the newest T events came from, is gone at Preservica");
}

TEST_CASE("with a URL only that is looked for") {
    CHECK(remote_findings({{"id3", "T"}}, "https://one.example/", subscribed()).empty());
    const auto gone = remote_findings({{"id1", "MOVED"}}, "https://one.example", subscribed());
    REQUIRE(gone.size() == 1);
    CHECK(gone.front() == "Preservica has no subscription for https://one.example");
}
