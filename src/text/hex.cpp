// SPDX-License-Identifier: Apache-2.0
#include "text/hex.hpp"

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

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

bool from_hex(std::string_view hex, std::span<unsigned char> out) {
    if (hex.size() != out.size() * 2) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit(hex[2 * i]);
        const int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return true;
}

}  // namespace pwh::text
