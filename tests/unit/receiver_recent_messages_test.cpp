// SPDX-License-Identifier: Apache-2.0
#include "receiver/recent_messages.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using pwh::receiver::RecentMessages;
using pwh::store::NewMessage;
using pwh::store::Page;

namespace {

NewMessage message(std::string_view body) {
    NewMessage message;
    message.received_ms = static_cast<std::int64_t>(body.size());
    message.body = body;
    return message;
}

void add(RecentMessages& recent, const std::vector<std::string>& bodies, std::int64_t last_id) {
    std::vector<NewMessage> messages;
    for (const auto& body : bodies) messages.push_back(message(body));
    recent.add(messages, last_id);
}

/// The ids and bodies above `after`; "-" where some are missing.
std::string taken(RecentMessages& recent, std::int64_t after) {
    Page page;
    if (!recent.take(after, page)) return "-";
    std::string text;
    for (const auto& each : page.messages) {
        CHECK(each.received_ms == static_cast<std::int64_t>(each.body.size()));
        text += std::to_string(each.id) + std::string(each.body) + " ";
    }
    CHECK_FALSE(page.end);
    CHECK(page.reached == page.messages.back().id);
    return text;
}

}  // namespace

TEST_CASE("recent messages are taken once, in order") {
    RecentMessages recent;
    CHECK(taken(recent, 0) == "-");
    add(recent, {"a", "bb"}, 7);
    add(recent, {"c"}, 8);
    CHECK(taken(recent, 5) == "6a 7bb 8c ");
    CHECK(taken(recent, 8) == "-");
    CHECK(taken(recent, 5) == "-");
    add(recent, {"d"}, 9);
    CHECK(taken(recent, 8) == "9d ");
}

TEST_CASE("who has some already gets the others only") {
    RecentMessages recent;
    add(recent, {"a", "b", "c"}, 3);
    CHECK(taken(recent, 2) == "3c ");
}

TEST_CASE("recent messages are not given to who lacks what came before them") {
    RecentMessages recent;
    add(recent, {"a"}, 3);
    CHECK(taken(recent, 1) == "-");
    CHECK(taken(recent, 2) == "3a ");
}

TEST_CASE("after a gap nothing is kept until who lags has caught up") {
    RecentMessages recent;
    add(recent, {"a"}, 1);
    add(recent, {}, 4);
    CHECK(taken(recent, 0) == "-");
    add(recent, {"e"}, 5);
    CHECK(taken(recent, 0) == "-");
    CHECK(taken(recent, 4) == "5e ");
}

TEST_CASE("however much is added, no more than a bound is kept") {
    RecentMessages recent;
    const std::string large(200'000, 'x');
    for (std::int64_t id = 1; id <= 3; ++id) add(recent, {large}, id);
    CHECK(taken(recent, 0) == "-");
    add(recent, {"d"}, 4);
    CHECK(taken(recent, 3) == "4d ");
    add(recent, {std::string(2'000'000, 'x')}, 5);
    CHECK(taken(recent, 4) == "-");
    for (std::int64_t id = 6; id < 10'000; ++id) add(recent, {"y"}, id);
    CHECK(taken(recent, 5) == "-");
    Page page;
    REQUIRE(recent.take(9'900, page));
    CHECK(page.messages.size() == 99);
}
