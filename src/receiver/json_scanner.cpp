// SPDX-License-Identifier: Apache-2.0
#include "receiver/json_scanner.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "text/utf8.hpp"

namespace pwh::receiver {

namespace {

/// Bytes that a string may hold as they are and that need no further look.
constexpr auto plain_bytes = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
    return plain;
}();

bool is_plain(char c) {
    return plain_bytes[static_cast<unsigned char>(c)];
}

/// How many of eight bytes are plain before the first that is not; 0 where that is not known.
std::size_t plain_run(const char* bytes) {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t tops = 0x80 * ones;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    // The lowest top bit that is set is that of the first byte that is not plain; a borrow may set
    // others above it.
    const auto quote = (word ^ ('"' * ones)) - ones;
    const auto backslash = (word ^ ('\\' * ones)) - ones;
    const auto control = word - 0x20 * ones;
    const auto found = (word | quote | backslash | control) & tops;
    if (found == 0) return sizeof word;
    if constexpr (std::endian::native != std::endian::little) return 0;
    return static_cast<std::size_t>(std::countr_zero(found)) / 8;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<std::uint32_t> four_hex(std::string_view text, std::size_t at) {
    std::uint32_t value = 0;
    if (text.size() < at + 4) return std::nullopt;
    const auto* const end = text.data() + at + 4;
    const auto [stop, error] = std::from_chars(text.data() + at, end, value, 16);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

void append_utf8(std::string& out, std::uint32_t c) {
    const auto tail = [&](unsigned shift) {
        out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU));
    };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0U | (c >> 6U));
        tail(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0U | (c >> 12U));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0U | (c >> 18U));
        tail(12);
        tail(6);
        tail(0);
    }
}

char unescape(char c) {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return c;
    }
}

}  // namespace

char JsonScanner::peek() {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
        ++at_;
    }
    return '\0';
}

bool JsonScanner::take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
}

std::optional<std::string_view> JsonScanner::string() {
    if (peek() != '"') return std::nullopt;
    const auto start = at_;
    if (!skip_string()) return std::nullopt;
    return text_.substr(start, at_ - start);
}

std::optional<std::string_view> JsonScanner::value() {
    peek();
    const auto start = at_;
    if (!skip_value()) return std::nullopt;
    return text_.substr(start, at_ - start);
}

bool JsonScanner::skip_value() {
    open_.clear();
    for (;;) {
        const char c = peek();
        if (c == '{' || c == '[') {
            ++at_;
            const bool empty = take(c == '{' ? '}' : ']');
            if (!empty) {
                open_ += c;
                if (c == '{' && !skip_name()) return false;
                continue;
            }
        } else if (!skip_scalar()) {
            return false;
        }
        if (!close_containers()) return false;
        if (open_.empty()) return true;
    }
}

/// After a value: takes what closes containers, up to the comma before the next value or the end.
bool JsonScanner::close_containers() {
    while (!open_.empty()) {
        const bool in_object = open_.back() == '{';
        if (take(',')) return !in_object || skip_name();
        if (!take(in_object ? '}' : ']')) return false;
        open_.pop_back();
    }
    return true;
}

bool JsonScanner::skip_name() {
    return peek() == '"' && skip_string() && take(':');
}

bool JsonScanner::skip_scalar() {
    switch (peek()) {
        case '"':
            return skip_string();
        case 't':
            return skip_word("true");
        case 'f':
            return skip_word("false");
        case 'n':
            return skip_word("null");
        default:
            return skip_number();
    }
}

bool JsonScanner::skip_string() {
    ++at_;  // the quote
    while (at_ < text_.size()) {
        if (text_.size() - at_ >= 8) {
            const auto run = plain_run(text_.data() + at_);
            at_ += run;
            if (run == 8) continue;
        }
        const char c = text_[at_];
        if (is_plain(c)) {
            ++at_;
        } else if (c == '"') {
            ++at_;
            return true;
        } else if (c == '\\') {
            if (!skip_escape()) return false;
        } else if (static_cast<unsigned char>(c) < 0x80) {
            return false;  // a control character
        } else {
            const auto length = text::utf8_sequence(text_, at_);
            if (length == 0) return false;
            at_ += length;
        }
    }
    return false;
}

bool JsonScanner::skip_escape() {
    if (at_ + 1 >= text_.size()) return false;
    const char c = text_[at_ + 1];
    if (c == 'u') {
        if (!four_hex(text_, at_ + 2)) return false;
        at_ += 6;
        return true;
    }
    at_ += 2;
    return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
}

bool JsonScanner::skip_digits() {
    const auto start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > start;
}

bool JsonScanner::skip_number() {
    const auto next_is = [this](char c) { return at_ < text_.size() && text_[at_] == c; };
    if (next_is('-')) ++at_;
    if (next_is('0')) {
        ++at_;
    } else if (!skip_digits()) {
        return false;
    }
    if (next_is('.')) {
        ++at_;
        if (!skip_digits()) return false;
    }
    if (next_is('e') || next_is('E')) {
        ++at_;
        if (next_is('+') || next_is('-')) ++at_;
        if (!skip_digits()) return false;
    }
    return true;
}

bool JsonScanner::skip_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
}

std::string decode_json_string(std::string_view raw) {
    const auto inner = raw.substr(1, raw.size() - 2);
    if (inner.find('\\') == std::string_view::npos) return std::string(inner);
    std::string out;
    out.reserve(inner.size());
    for (std::size_t i = 0; i < inner.size(); ++i) {
        if (inner[i] != '\\') {
            out += inner[i];
            continue;
        }
        ++i;
        if (inner[i] != 'u') {
            out += unescape(inner[i]);
            continue;
        }
        auto c = four_hex(inner, i + 1).value_or(0);
        i += 4;
        if (c >= 0xD800 && c < 0xDC00 && inner.substr(i + 1, 2) == "\\u") {
            const auto low = four_hex(inner, i + 3).value_or(0);
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10U) + (low - 0xDC00);
                i += 6;
            }
        }
        append_utf8(out, c);
    }
    return out;
}

}  // namespace pwh::receiver
