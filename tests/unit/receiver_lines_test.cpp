// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "receiver/json_scanner.hpp"
#include "receiver/lines.hpp"

using pwh::receiver::decode_json_string;
using pwh::receiver::JsonScanner;
using pwh::receiver::LineFormat;
using pwh::receiver::Lines;
using pwh::receiver::LineWriter;

namespace {

const std::string start = R"({"receivedAt":"T","messageId":"I")";

std::string lines_of(const std::string& body, LineFormat format = LineFormat::event) {
    LineWriter writer(format);
    Lines lines;
    if (!writer.read(body) || !writer.write("T", "I", lines)) return "not json";
    return lines.text;
}

bool is_json(const std::string& text) {
    return LineWriter(LineFormat::message).read(text);
}

}  // namespace

TEST_CASE("an event's line has the two names, the message's fields, then its own") {
    const std::string body =
        R"({"subscriptionId":"9495","timestamp":"2023-10-11T10:52:42.469","tenant":"BRAMA","version":"6.10",)"
        R"("events":[{"event":"FullTextIndexed","entityType":"IO","entityRef":"7fdea7e0","identifiers":[]}],)"
        R"("trigger":"FULL_TEXT_INDEXED"})";
    CHECK(
        lines_of(body) ==
        start +
            R"(,"subscriptionId":"9495","timestamp":"2023-10-11T10:52:42.469","tenant":"BRAMA","version":"6.10",)"
            R"("trigger":"FULL_TEXT_INDEXED","event":"FullTextIndexed","entityType":"IO",)"
            R"("entityRef":"7fdea7e0","identifiers":[]})"
            "\n");
    CHECK(lines_of(body, LineFormat::message) == body + "\n");
}

TEST_CASE("each event has a line; one that is no object comes as value") {
    CHECK(lines_of(R"({"a":1,"events":[{"b":2},{},"x",[1],null]})") ==
          start + ",\"a\":1,\"b\":2}\n" + start + ",\"a\":1}\n" + start +
              ",\"a\":1,\"value\":\"x\"}\n" + start + ",\"a\":1,\"value\":[1]}\n" + start +
              ",\"a\":1,\"value\":null}\n");
    CHECK(lines_of(R"({"a":1,"events":[]})").empty());
}

TEST_CASE("an entry that is no object wins over a field of the message's that is called value") {
    CHECK(lines_of(R"({"value":1,"a":2,"events":["x",{"b":3},{"value":4}],"v\u0061lue":5})") ==
          start + ",\"a\":2,\"value\":\"x\"}\n" + start +
              R"(,"value":1,"a":2,"v\u0061lue":5,"b":3})" + "\n" + start +
              ",\"a\":2,\"value\":4}\n");
}

TEST_CASE("a message without an events array is one line as it is") {
    CHECK(lines_of(R"({"a":1})") == start + ",\"a\":1}\n");
    CHECK(lines_of(R"({"a":1,"events":5})") == start + ",\"a\":1,\"events\":5}\n");
    CHECK(lines_of("{}") == start + "}\n");
    CHECK(lines_of("[1,2]") == start + ",\"value\":[1,2]}\n");
    CHECK(lines_of("\"x\"") == start + ",\"value\":\"x\"}\n");
}

TEST_CASE("the event's fields win over the message's, nothing over the two first") {
    CHECK(lines_of(R"({"a":1,"b":2,"events":[{"a":3}]})") == start + ",\"b\":2,\"a\":3}\n");
    CHECK(lines_of(R"({"messageId":"forged","a":1,"events":[{"receivedAt":"forged","b":2}]})") ==
          start + ",\"a\":1,\"b\":2}\n");
    CHECK(lines_of(R"({"receivedAt":0})") == start + "}\n");
}

TEST_CASE("names are compared as what they mean, and written as they came") {
    CHECK(lines_of(R"({"\u0061":1,"b":2,"events":[{"a":3}]})") == start + ",\"b\":2,\"a\":3}\n");
    CHECK(lines_of(R"({"messag\u0065Id":1,"ev\u0065nts":[{"\u0062":3}]})") == start +
                                                                                  R"(,"\u0062":3})"
                                                                                  "\n");
    CHECK(lines_of(R"({"\ud83d\ude00":1,"events":[{"😀":2}]})") == start + ",\"😀\":2}\n");
}

TEST_CASE("many fields are told apart as few are") {
    std::string event;
    for (int i = 0; i < 100; ++i) event += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
    CHECK(lines_of("{\"k7\":1,\"other\":2,\"events\":[{" + event + "}]}") ==
          start + ",\"other\":2," + event + "}\n");
}

TEST_CASE("of events that come twice the last counts") {
    CHECK(lines_of(R"({"events":[{"a":1}],"events":[{"a":2}]})") == start + ",\"a\":2}\n");
    CHECK(lines_of(R"({"events":[{"a":1}],"events":7})") == start + ",\"events\":7}\n");
    CHECK(lines_of(R"({"events":7,"events":[{"a":1}]})") == start + ",\"a\":1}\n");
}

TEST_CASE("values are never altered") {
    const std::string values =
        R"("n":123456789012345678901234567890.10e+400,"z":-0.0,"s":"\u00e9\/\ud800 é 日本","d":1,"d":2,"o":{ "x" : [ ] })";
    CHECK(lines_of("{" + values + "}") == start + "," + values + "}\n");
    CHECK(lines_of("{\"events\":[{" + values + "}]}") == start + "," + values + "}\n");
}

TEST_CASE("line breaks between tokens go, and nothing else") {
    CHECK(lines_of("{\r\n  \"a\": [1,\n 2],\n\"events\": [\n{ \"b\": {\r\n}}]\n}\n") ==
          start + ",\"a\":[1, 2],\"b\":{}}\n");
    CHECK(lines_of("{\n\"a\":\t\"\\n\" }\r\n", LineFormat::message) == "{\"a\":\t\"\\n\" }\n");
}

TEST_CASE("the trigger is found, decoded") {
    LineWriter writer(LineFormat::event);
    CHECK(writer.read(R"({"trigger":"M\u004fVED","events":[{"trigger":"X"}]})"));
    CHECK(writer.trigger() == "MOVED");
    CHECK(writer.read(R"({"trigger":5})"));
    CHECK(writer.trigger().empty());
    CHECK(writer.read(R"({"a":{"trigger":"X"}})"));
    CHECK(writer.trigger().empty());
}

TEST_CASE("what is not JSON is told apart from what is") {
    for (const char* good :
         {"0", "-1", "1.5e-3", "true", " null ", "\"\"", "[]", "{}", "[[],{}]", "{\"\":0}",
          "\"\\u0000\"", "\"\xF4\x8F\xBF\xBF\"", "[1 , 2]", "{\"a\":1,\"a\":2}"}) {
        CAPTURE(good);
        CHECK(is_json(good));
    }
    for (const char* bad : {"",
                            " ",
                            "01",
                            "+1",
                            "1.",
                            ".5",
                            "1e",
                            "-",
                            "tru",
                            "nul",
                            "True",
                            "NaN",
                            "[1,]",
                            "[,1]",
                            "{",
                            "[",
                            "]",
                            "}",
                            "{\"a\"}",
                            "{\"a\":}",
                            "{\"a\":1,}",
                            "{a:1}",
                            "{1:2}",
                            "'a'",
                            "\"",
                            "\"\\x\"",
                            "\"\\u12\"",
                            "\"\\u12g4\"",
                            "\"\n\"",
                            "\"\t\"",
                            "\"\x80\"",
                            "\"\xC0\xAF\"",
                            "\"\xED\xA0\x80\"",
                            "\"\xF5\x80\x80\x80\"",
                            "\"\xE2\x82\"",
                            "1 2",
                            "1\n2",
                            "{}{}",
                            "[1]x",
                            "\xEF\xBB\xBF{}",
                            "[}",
                            "{]",
                            "[\"a\":1]",
                            "{\"a\" 1}",
                            "[1 2]"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_json(bad));
    }
    CHECK_FALSE(is_json(std::string("1\0", 2)));
    CHECK_FALSE(is_json(std::string("\"a\0b\"", 5)));
}

TEST_CASE("depth and size cost time in proportion, and no stack") {
    const std::size_t depth = 100'000;
    const auto deep = std::string(depth, '[') + std::string(depth, ']');
    CHECK(lines_of("{\"events\":[{\"a\":" + deep + "}]}") == start + ",\"a\":" + deep + "}\n");
    CHECK_FALSE(is_json(std::string(depth, '[')));
    std::string numbers = "[0";
    while (numbers.size() < (1U << 20U)) numbers += ",123456789";
    CHECK(is_json(numbers + "]"));
}

TEST_CASE("lines that would outgrow all bounds are refused") {
    std::string events = "{}";
    for (int i = 0; i < 40'000; ++i) events += ",{}";
    LineWriter writer(LineFormat::event);
    Lines lines;
    const auto body = "{\"a\":\"" + std::string(10'000, 'x') + "\",\"events\":[" + events + "]}";
    CHECK(writer.read(body));
    CHECK_FALSE(writer.write("T", "I", lines));
}

TEST_CASE("every line is one JSON text that another parser reads alike") {
    const std::vector<std::string> bodies{
        R"({"a":[{"b":[]}],"events":[{"c":{"d":null}},7],"e":"\"\\"})",
        R"({"events":[[],{"x":"\u2028"}]})",
        "{\"a\" : 1 ,\n\t\"events\" : [ { } , { \"b\" : false } ] }"};
    for (const auto& body : bodies) {
        CAPTURE(body);
        std::istringstream text(lines_of(body));
        std::string line;
        const auto message = nlohmann::json::parse(body);
        std::size_t count = 0;
        while (std::getline(text, line)) {
            const auto parsed = nlohmann::json::parse(line);
            auto expected = message;
            expected.erase("events");
            const auto& entry = message["events"][count];
            if (entry.is_object()) {
                expected.update(entry);
            } else {
                expected["value"] = entry;
            }
            expected["receivedAt"] = "T";
            expected["messageId"] = "I";
            CHECK(parsed == expected);
            ++count;
        }
        CHECK(count == message["events"].size());
    }
}

TEST_CASE("JSON strings decode to UTF-8") {
    CHECK(decode_json_string(R"("a\n\t\"\\\/\u00e9")") == "a\n\t\"\\/é");
    CHECK(decode_json_string(R"("\ud83d\ude00")") == "😀");
    CHECK(decode_json_string(R"("\ud83dx")") == "\xED\xA0\xBDx");
    CHECK(decode_json_string(R"("\ude00\ud83d")") == "\xED\xB8\x80\xED\xA0\xBD");
}

TEST_CASE("the scanner gives raw text") {
    JsonScanner scanner(R"( {"a" : "x\"y" } )");
    CHECK(scanner.take('{'));
    CHECK(scanner.string() == R"("a")");
    CHECK(scanner.take(':'));
    CHECK(scanner.value() == R"("x\"y")");
    CHECK(scanner.take('}'));
    CHECK(scanner.at_end());
}
