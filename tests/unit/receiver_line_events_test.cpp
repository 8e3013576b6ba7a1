// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "receiver/lines.hpp"

using pwh::receiver::LineFormat;
using pwh::receiver::Lines;
using pwh::receiver::LineWriter;

namespace {

std::vector<std::string> references(const std::string& body) {
    LineWriter writer(LineFormat::event);
    REQUIRE(writer.read(body));
    std::vector<std::string> found;
    for (std::size_t event = 0; event < writer.events(); ++event) {
        found.emplace_back(writer.reference(event));
    }
    return found;
}

const std::vector<std::string> bodies{
    R"({"a":1,"events":[{"b":2},{"a":3},"x",[1]],"z":"\u00e9"})",
    R"({"a":1,"events":[]})",
    R"({"a":1,"events":7})",
    R"([1, 2])",
    "{\n\"a\" :1,\r\n \"events\": [ {\"b\" : 2} ]}",
};

}  // namespace

TEST_CASE("the lines of the events, one by one, are the lines of the message") {
    for (const auto& body : bodies) {
        CAPTURE(body);
        LineWriter writer(LineFormat::event);
        Lines lines;
        REQUIRE(writer.read(body));
        REQUIRE(writer.write("T", "I", lines));
        CHECK(lines.events == writer.events());
        std::string text;
        for (std::size_t event = 0; event < writer.events(); ++event) {
            writer.append_line("T", "I", event, text);
        }
        CHECK(text == lines.text);
    }
}

TEST_CASE("with the message's format a line is the message, whatever the event") {
    for (const auto& body : bodies) {
        CAPTURE(body);
        LineWriter writer(LineFormat::message);
        Lines lines;
        REQUIRE(writer.read(body));
        REQUIRE(writer.write("T", "I", lines));
        std::string text = "before\n";
        writer.append_line({}, {}, 0, text);
        CHECK(text == "before\n" + lines.text);
    }
}

TEST_CASE("an event's reference is its own, else the message's") {
    CHECK(references(R"({"events":[{"entityRef":"a"},{"entityRef":"b","entityRef":"c"}]})") ==
          std::vector<std::string>{"a", "c"});
    CHECK(references(R"({"events":[{"entityRef":"a"},{},"x"],"entityRef":"m"})") ==
          std::vector<std::string>{"a", "m", "m"});
    CHECK(references(R"({"entityRef":"m"})") == std::vector<std::string>{"m"});
    CHECK(references(R"({"events":[{"entityR\u0065f":"\u0061\/b"},{"entityRef":7},{"x":1}]})") ==
          std::vector<std::string>{"a/b", "", ""});
    CHECK(references(R"(["entityRef"])") == std::vector<std::string>{""});
    CHECK(references(R"({"events":[]})").empty());
}
