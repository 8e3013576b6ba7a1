// SPDX-License-Identifier: Apache-2.0
#include "sandbox/identifiers.hpp"

#include <array>

#include "crypto/crypto.hpp"
#include "text/hex.hpp"

namespace pwh::sandbox {

namespace {

using Bytes = std::array<unsigned char, 16>;

Bytes random_16() {
    Bytes bytes{};
    crypto::random_bytes(bytes);
    return bytes;
}

}  // namespace

std::string random_uuid() {
    auto bytes = random_16();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    auto text = text::to_hex(bytes);
    for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, 1, '-');
    return text;
}

std::string random_id() {
    return text::to_hex(random_16());
}

}  // namespace pwh::sandbox
