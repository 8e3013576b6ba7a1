// SPDX-License-Identifier: Apache-2.0
#include "settings/letters.hpp"

#include <algorithm>
#include <array>

#include "text/utf8.hpp"

namespace pwh::settings {

namespace {

// Beyond ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
constexpr std::array<std::string_view, 19> wide_spaces{
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool is_space(std::string_view character) {
    if (character.size() > 1) {
        return std::find(wide_spaces.begin(), wide_spaces.end(), character) != wide_spaces.end();
    }
    const char c = character.front();
    return (c >= '\t' && c <= '\r') || (c >= '\x1C' && c <= ' ');
}

std::string_view first_character(std::string_view text) {
    return text.substr(0, std::max<std::size_t>(text::utf8_sequence(text, 0), 1));
}

std::string_view last_character(std::string_view text) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
    return text.substr(start);
}

/// Capitals `first` to `last`, each `step` after the other, and how far their small letters are.
struct Capitals {
    unsigned first, last, step;
    int distance;
};

// From Unicode's simple case mappings.
constexpr std::array capitals{
    Capitals{0x00C0, 0x00D6, 1, 32},   Capitals{0x00D8, 0x00DE, 1, 32},
    Capitals{0x0100, 0x012E, 2, 1},    Capitals{0x0132, 0x0136, 2, 1},
    Capitals{0x0139, 0x0147, 2, 1},    Capitals{0x014A, 0x0176, 2, 1},
    Capitals{0x0178, 0x0178, 1, -121}, Capitals{0x0179, 0x017D, 2, 1},
    Capitals{0x0386, 0x0386, 1, 38},   Capitals{0x0388, 0x038A, 1, 37},
    Capitals{0x038C, 0x038C, 1, 64},   Capitals{0x038E, 0x038F, 1, 63},
    Capitals{0x0391, 0x03A1, 1, 32},   Capitals{0x03A3, 0x03AB, 1, 32},
    Capitals{0x0400, 0x040F, 1, 80},   Capitals{0x0410, 0x042F, 1, 32},
    Capitals{0x0460, 0x0480, 2, 1},    Capitals{0x048A, 0x04BE, 2, 1},
    Capitals{0x04C0, 0x04C0, 1, 15},   Capitals{0x04C1, 0x04CD, 2, 1},
    Capitals{0x04D0, 0x052E, 2, 1},    Capitals{0x0531, 0x0556, 1, 48},
};

unsigned code_of_two_bytes(std::string_view character) {
    return (static_cast<unsigned char>(character[0]) & 0x1FU) << 6U |
           (static_cast<unsigned char>(character[1]) & 0x3FU);
}

/// For one character; U+0130 (a capital I with a dot) is the one that becomes two.
std::string lower_character(std::string_view character) {
    if (character.size() == 1) {
        const char c = character.front();
        return {c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c};
    }
    if (character.size() > 2) return std::string(character);
    const unsigned code = code_of_two_bytes(character);
    if (code == 0x0130) return "i\u0307";
    for (const auto& range : capitals) {
        if (code < range.first || code > range.last || (code - range.first) % range.step != 0)
            continue;
        const auto small = static_cast<unsigned>(static_cast<int>(code) + range.distance);
        return {static_cast<char>(0xC0U | small >> 6U), static_cast<char>(0x80U | (small & 0x3FU))};
    }
    return std::string(character);
}

bool is_letter(std::string_view character) {
    if (character.size() == 1) {
        const char c = lower_character(character).front();
        return c >= 'a' && c <= 'z';
    }
    if (character.size() > 2) return false;
    const unsigned code = code_of_two_bytes(character);
    return code == 0xAA || code == 0xB5 || code == 0xBA ||
           (code >= 0xC0 && code < 0x0587 && code != 0xD7 && code != 0xF7);
}

/// What may stand inside a word without ending it: quotes, dots, accents, invisible marks.
bool is_ignored_in_words(std::string_view character) {
    static constexpr std::array<std::string_view, 22> marks{
        "'",      ".",      "^",      "`",      "\u00A8", "\u00AD", "\u00AF", "\u00B4",
        "\u00B7", "\u00B8", "\u037A", "\u0384", "\u0385", "\u0387", "\u2018", "\u2019",
        "\u200B", "\u200C", "\u200D", "\u200E", "\u200F", "\uFEFF"};
    if (character.size() == 2) {
        const unsigned code = code_of_two_bytes(character);
        if (code >= 0x02B0 && code <= 0x036F) return true;
    }
    return std::find(marks.begin(), marks.end(), character) != marks.end();
}

bool ends_in_letter(std::string_view text) {
    while (!text.empty()) {
        const auto last = last_character(text);
        if (!is_ignored_in_words(last)) return is_letter(last);
        text.remove_suffix(last.size());
    }
    return false;
}

bool starts_with_letter(std::string_view text) {
    while (!text.empty()) {
        const auto first = first_character(text);
        if (!is_ignored_in_words(first)) return is_letter(first);
        text.remove_prefix(first.size());
    }
    return false;
}

}  // namespace

std::string_view strip_end(std::string_view text) {
    while (!text.empty() && is_space(last_character(text))) {
        text.remove_suffix(last_character(text).size());
    }
    return text;
}

std::string_view strip(std::string_view text) {
    while (!text.empty() && is_space(first_character(text))) {
        text.remove_prefix(first_character(text).size());
    }
    return strip_end(text);
}

std::size_t indentation(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty() && is_space(first_character(text))) {
        text.remove_prefix(first_character(text).size());
        ++count;
    }
    return count;
}

std::string lower(std::string_view text) {
    static constexpr std::string_view capital_sigma = "\u03A3";
    std::string small;
    small.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto character = first_character(text.substr(at));
        const auto rest = text.substr(at + character.size());
        if (character == capital_sigma && ends_in_letter(text.substr(0, at)) &&
            !starts_with_letter(rest)) {
            small += "\u03C2";
        } else {
            small += lower_character(character);
        }
        at += character.size();
    }
    return small;
}

}  // namespace pwh::settings
