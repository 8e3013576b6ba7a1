// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pwh::text {

/// Lower-case hex.
std::string to_hex(std::span<const unsigned char> bytes);
/// The same into `out`, which has room for twice as many.
void put_hex(std::span<const unsigned char> bytes, char* out);

/// Decodes hex of either case into `out`; false when `hex` is not exactly twice as long as `out`,
/// or is no hex.
bool from_hex(std::string_view hex, std::span<unsigned char> out);

}  // namespace pwh::text
