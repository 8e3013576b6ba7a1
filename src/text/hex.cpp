// SPDX-License-Identifier: Apache-2.0
#include "text/hex.hpp"

#include <array>
#include <cstddef>

namespace pwh::text {

void put_hex(std::span<const unsigned char> bytes, char* out) {
    static constexpr char digits[] = "0123456789abcdef";
    for (const auto byte : bytes) {
        *out++ = digits[byte >> 4U];
        *out++ = digits[byte & 0xFU];
    }
}

std::string to_hex(std::span<const unsigned char> bytes) {
    std::string hex(bytes.size() * 2, '\0');
    put_hex(bytes, hex.data());
    return hex;
}

namespace {

constexpr unsigned char no_digit = 0xFF;

/// The value of each character as a hex digit.
constexpr auto digit_values = [] {
    std::array<unsigned char, 256> values{};
    values.fill(no_digit);
    for (unsigned char i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = i;
    for (unsigned char i = 0; i < 6; ++i) {
        values[static_cast<std::size_t>('a' + i)] = static_cast<unsigned char>(10 + i);
        values[static_cast<std::size_t>('A' + i)] = static_cast<unsigned char>(10 + i);
    }
    return values;
}();

unsigned value_of(char c) {
    return digit_values[static_cast<unsigned char>(c)];
}

}  // namespace

bool from_hex(std::string_view hex, std::span<unsigned char> out) {
    if (hex.size() != out.size() * 2) return false;
    unsigned seen = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned high = value_of(hex[2 * i]);
        const unsigned low = value_of(hex[2 * i + 1]);
        seen |= high | low;
        out[i] = static_cast<unsigned char>((high << 4U) | low);
    }
    return seen <= 0xFU;
}

}  // namespace pwh::text
