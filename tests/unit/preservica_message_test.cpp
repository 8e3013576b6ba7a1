// SPDX-License-Identifier: Apache-2.0
#include "preservica/message.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"

using namespace pwh;
using preservica::build_message;
using preservica::event_name;
using preservica::MessageContent;

namespace {

MessageContent documented() {
    MessageContent content;
    content.subscription_id = "9495ddbf7d4a0b9f030a3411c87f967d";
    content.timestamp = WallTime(std::chrono::milliseconds(1697021562469));
    content.tenant = "BRAMA";
    content.version = "6.10";
    content.trigger = "FULL_TEXT_INDEXED";
    content.events = {{"FullTextIndexed", "IO", "7fdea7e0-1e72-4fb1-aadb-d7f9ee6ed8c2", {}}};
    return content;
}

}  // namespace

TEST_CASE("a message has the bytes of the documented one") {
    CHECK(build_message(documented()) ==
          R"({"subscriptionId":"9495ddbf7d4a0b9f030a3411c87f967d",)"
          R"("timestamp":"2023-10-11T10:52:42.469","tenant":"BRAMA","version":"6.10",)"
          R"("events":[{"event":"FullTextIndexed","entityType":"IO",)"
          R"("entityRef":"7fdea7e0-1e72-4fb1-aadb-d7f9ee6ed8c2","identifiers":[]}],)"
          R"("trigger":"FULL_TEXT_INDEXED"})");
}

TEST_CASE("identifiers are one-entry objects in their order, also when a type comes twice") {
    auto content = documented();
    content.events.front().identifiers = {
        {"soCategory", "AMI"}, {"BatchId", "42"}, {"BatchId", "7"}};
    const auto body = build_message(content);
    CHECK(body.find(R"("identifiers":[{"soCategory":"AMI"},{"BatchId":"42"},{"BatchId":"7"}])") !=
          std::string::npos);
}

TEST_CASE("one message carries several events") {
    auto content = documented();
    content.events.push_back({"FullTextIndexed", "SO", "second", {}});
    const auto body = build_message(content);
    CHECK(body.find("7fdea7e0") < body.find(R"("entityRef":"second")"));
}

TEST_CASE("a message is all ASCII, whatever is in it") {
    auto content = documented();
    content.tenant = "Bibliothèque \U0001F4DA";
    const auto body = build_message(content);
    CHECK(std::all_of(body.begin(), body.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(body.find(R"("tenant":"Biblioth\u00e8que \ud83d\udcda")") != std::string::npos);
}

TEST_CASE("text that is not UTF-8 is refused") {
    auto content = documented();
    content.events.front().identifiers = {{"title", "caf\xe9"}};
    CHECK_THROWS_AS(build_message(content), UsageError);
}

TEST_CASE("an event's name follows its trigger's") {
    CHECK(event_name("FULL_TEXT_INDEXED") == "FullTextIndexed");
    CHECK(event_name("MOVED") == "Moved");
    CHECK(event_name("RETENTION_POLICY_2_CHANGED") == "RetentionPolicy2Changed");
}
