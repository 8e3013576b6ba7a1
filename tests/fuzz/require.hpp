// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace pwh::fuzz {

/// What has to hold for any input; libFuzzer keeps the input where it does not.
inline void require(bool holds, std::string_view what) {
    if (holds) return;
    fmt::print(stderr, "does not hold: {}\n", what);
    std::abort();
}

}  // namespace pwh::fuzz
