// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pwh::fuzz {

/// A request as a second, simple-minded reader of RFC 9112 sees it.
struct StrictRequest {
    std::string method;
    std::string target;
    std::string body;
    std::size_t fields = 0;
};

/// Reads the one request that `bytes` is, from its first byte to its last; nothing where it is not
/// exactly one, or has anything that cli.md wants refused.
std::optional<StrictRequest> read_strictly(std::string_view bytes);

}  // namespace pwh::fuzz
