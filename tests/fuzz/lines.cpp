// SPDX-License-Identifier: Apache-2.0
// A message's body, beside nlohmann/json: the same texts are JSON to both, and the lines say what
// a message that is parsed says.
#include "receiver/lines.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "require.hpp"

namespace {

using nlohmann::json;
using pwh::fuzz::require;
using pwh::receiver::LineFormat;
using pwh::receiver::Lines;
using pwh::receiver::LineWriter;

constexpr std::string_view received_at = "2026-11-23T17:04:05.678Z";
constexpr std::string_view message_id =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The names of a text's outermost members, in order and with repeats.
class Names final : public nlohmann::json_sax<json> {
  public:
    std::vector<std::string> names;

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_array() override { return leave(); }
    bool key(string_t& name) override {
        if (depth_ == 1) names.push_back(name);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override {
        return false;
    }

  private:
    bool enter() {
        ++depth_;
        return true;
    }
    bool leave() {
        --depth_;
        return true;
    }
    unsigned depth_ = 0;
};

/// What nlohmann/json refuses and RFC 8259 does not: numbers that a double can't hold, and escapes
/// that are half of a surrogate pair.
bool only_too_strict(const json::exception& error) {
    constexpr int number_overflow = 406;
    return error.id == number_overflow ||
           std::string_view(error.what()).find("surrogate") != std::string_view::npos;
}

/// What it takes and RFC 8259 does not: a byte order mark, and anything behind a NUL.
bool may_be_too_lax(std::string_view body) {
    return body.starts_with("\xEF\xBB\xBF") || body.find('\0') != std::string_view::npos;
}

/// The message as a document; nothing where nlohmann/json has its own opinion.
std::optional<json> parse(std::string_view body, bool accepted) {
    try {
        auto message = json::parse(body);
        require(accepted || may_be_too_lax(body), "what is JSON is accepted");
        if (accepted) return message;
    } catch (const json::exception& error) {
        require(!accepted || only_too_strict(error), "what is not JSON is refused");
    }
    return std::nullopt;
}

void without_reserved(json& object) {
    object.erase("receivedAt");
    object.erase("messageId");
}

/// What one line has to say, as cli.md puts it.
json expected_line(const json& message, const json* entry) {
    json line = json::object();
    if (message.is_object()) line = message;
    if (entry != nullptr) line.erase("events");
    if (!message.is_object()) line["value"] = message;
    if (entry != nullptr && entry->is_object()) {
        line.update(*entry);
    } else if (entry != nullptr) {
        line["value"] = *entry;
    }
    without_reserved(line);
    return line;
}

std::vector<json> expected_lines(const json& message) {
    std::vector<json> lines;
    if (message.is_object() && message.contains("events") && message["events"].is_array()) {
        for (const auto& entry : message["events"]) lines.push_back(expected_line(message, &entry));
    } else {
        lines.push_back(expected_line(message, nullptr));
    }
    return lines;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        require(end != std::string_view::npos, "the last line is whole");
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

void check_names(std::string_view line) {
    Names found;
    json::sax_parse(line, &found);
    const auto& names = found.names;
    require(names.size() >= 2 && names[0] == "receivedAt" && names[1] == "messageId",
            "time and id come first");
    require(std::count(names.begin(), names.end(), "receivedAt") == 1 &&
                std::count(names.begin(), names.end(), "messageId") == 1,
            "time and id are only ours");
}

void check_form(std::string_view line) {
    require(line.find('\r') == std::string_view::npos, "no line break in a line");
    const auto start =
        fmt::format(R"({{"receivedAt":"{}","messageId":"{}")", received_at, message_id);
    require(line.starts_with(start), "time and id come first");
    require(LineWriter(LineFormat::event).read(line), "a line is JSON");
}

void check_meaning(std::string_view line, const json& expected) {
    check_names(line);
    auto parsed = json::parse(line);
    without_reserved(parsed);
    require(parsed == expected, "a line says what its event says");
}

void check_events(std::string_view body, const std::optional<json>& message) {
    LineWriter writer(LineFormat::event);
    Lines lines;
    require(writer.read(body), "both formats take the same");
    require(writer.write(received_at, message_id, lines), "a small message has small lines");
    const auto each = split(lines.text);
    require(each.size() == lines.events, "a line for each event");
    for (const auto line : each) check_form(line);
    if (!message) return;
    const auto expected = expected_lines(*message);
    require(each.size() == expected.size(), "no event too few, none too many");
    for (std::size_t i = 0; i < each.size(); ++i) check_meaning(each[i], expected[i]);
    const bool has_trigger =
        message->is_object() && message->contains("trigger") && (*message)["trigger"].is_string();
    require(writer.trigger() == (has_trigger ? (*message)["trigger"].get<std::string>() : ""),
            "the trigger is the message's");
}

void check_message(std::string_view body, LineWriter& writer) {
    Lines lines;
    require(writer.write(received_at, message_id, lines), "a message is never too long");
    std::string expected(body);
    std::erase_if(expected, [](char c) { return c == '\r' || c == '\n'; });
    require(lines.text == expected + '\n', "the body as it came, but for line breaks");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string body(reinterpret_cast<const char*>(data), size);
    LineWriter writer(LineFormat::message);
    const bool accepted = writer.read(body);
    const auto message = parse(body, accepted);
    if (!accepted) return 0;
    check_message(body, writer);
    check_events(body, message);
    return 0;
}
