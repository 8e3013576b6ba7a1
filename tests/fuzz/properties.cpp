// SPDX-License-Identifier: Apache-2.0
// The text of a credentials file.
#include "settings/properties.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "require.hpp"
#include "settings/letters.hpp"
#include "text/utf8.hpp"

namespace {

using pwh::fuzz::require;
using pwh::settings::Properties;

std::optional<Properties> parse(std::string_view text) {
    try {
        return pwh::settings::parse_properties(text);
    } catch (const pwh::settings::PropertiesError& error) {
        std::size_t lines = 1;
        for (const char c : text) lines += c == '\n' || c == '\r' ? 1 : 0;
        require(error.line() >= 1 && error.line() <= lines, "the line is within the text");
        require(error.what()[0] != '\0', "an error says something");
        return std::nullopt;
    }
}

/// Every line break as LF.
std::string with_line_feeds(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\r') {
            out += text[i];
        } else if (text.substr(i, 2) != "\r\n") {
            out += '\n';
        }
    }
    return out;
}

void check_key(std::string_view key, std::string_view value) {
    require(!key.empty(), "a key has a name");
    require(key.find_first_of("=:\r\n") == std::string_view::npos, "a key ends at its delimiter");
    require(pwh::settings::lower(key) == key, "keys are lower case");
    require(pwh::settings::strip_end(key) == key, "no white space behind a key");
    require(pwh::settings::strip_end(value) == value, "no white space behind a value");
    require(value.find('\r') == std::string_view::npos, "lines are joined by LF");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = parse(text);
    const auto normal = with_line_feeds(text);
    require(parse(normal) == parsed, "the kind of line break is of no importance");
    require(parse(normal + "\n") == parsed, "a last line needs no line break");
    if (!text.starts_with("\xEF\xBB\xBF"))
        require(parse("\xEF\xBB\xBF" + normal) == parsed, "a byte order mark is skipped");
    if (!parsed) return 0;
    require(pwh::text::is_utf8(text), "only UTF-8 is read");
    for (const auto& [section, keys] : *parsed) {
        require(!section.empty() && section != "DEFAULT", "a section has a name of its own");
        for (const auto& [key, value] : keys) check_key(key, value);
    }
    return 0;
}
