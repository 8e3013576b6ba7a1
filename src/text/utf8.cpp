// SPDX-License-Identifier: Apache-2.0
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pwh::text {

namespace {

unsigned char byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

/// Decodes the sequence of `length` bytes that utf8_sequence() found.
char32_t decode(std::string_view bytes, std::size_t at, std::size_t length) {
    const char32_t lead = byte_at(bytes, at);
    if (length == 1) return lead;
    char32_t value = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i)
        value = (value << 6) | (byte_at(bytes, at + i) & 0x3FU);
    return value;
}

struct Range {
    char32_t first, last;
};

// From Unicode's EastAsianWidth (W, F) and general categories (Mn, Me, Cf), in the blocks that
// titles, file names and URLs hold in practice.
constexpr std::array wide{
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},
    Range{0xA960, 0xA97F},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},
    Range{0x1F300, 0x1F64F}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD},
};
constexpr std::array zero_width{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489},   Range{0x0591, 0x05BD}, Range{0x0610, 0x061A},
    Range{0x064B, 0x065F}, Range{0x06D6, 0x06DC},   Range{0x0900, 0x0902}, Range{0x093C, 0x093C},
    Range{0x0941, 0x0948}, Range{0x0E31, 0x0E31},   Range{0x0E34, 0x0E3A}, Range{0x0E47, 0x0E4E},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},   Range{0x200B, 0x200F}, Range{0x202A, 0x202E},
    Range{0x2060, 0x2064}, Range{0x20D0, 0x20FF},   Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F},
    Range{0xFEFF, 0xFEFF}, Range{0xE0100, 0xE01EF},
};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t c) {
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), c,
                         [](char32_t value, const Range& r) { return value < r.first; });
    return after != ranges.begin() && c <= std::prev(after)->last;
}

}  // namespace

std::size_t utf8_sequence(std::string_view bytes, std::size_t at) {
    const unsigned char lead = byte_at(bytes, at);
    if (lead < 0x80) return 1;
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    } else {
        return 0;
    }
    if (bytes.size() - at < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        const unsigned char c = byte_at(bytes, at + i);
        if (c < low || c > high) return 0;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

bool is_utf8(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const auto length = utf8_sequence(bytes, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::optional<std::string> utf8_to_latin1(std::string_view bytes) {
    std::string latin1;
    latin1.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
        const auto length = utf8_sequence(bytes, at);
        if (length == 0) return std::nullopt;
        const auto c = decode(bytes, at, length);
        if (c > 0xFF) return std::nullopt;
        latin1 += static_cast<char>(c);
        at += length;
    }
    return latin1;
}

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_sequence(text, at);
        const auto c = length == 0 ? char32_t{byte_at(text, at)} : decode(text, at, length);
        const bool control = (c < 0x20 && c != '\t') || (c >= 0x7F && c < 0xA0);
        // Direction overrides make a line read other than it is.
        const bool reorders = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
        if (length == 0 || control) {
            fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<std::uint32_t>(c));
        } else if (reorders) {
            fmt::format_to(std::back_inserter(shown), "\\u{:04x}", static_cast<std::uint32_t>(c));
        } else {
            shown.append(text, at, length);
        }
        at += std::max<std::size_t>(length, 1);
    }
    return shown;
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_sequence(text, at);
        const auto c = length == 0 ? char32_t{'?'} : decode(text, at, length);
        if (!contains(zero_width, c)) width += contains(wide, c) ? 2U : 1U;
        at += std::max<std::size_t>(length, 1);
    }
    return width;
}

}  // namespace pwh::text
