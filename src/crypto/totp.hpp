// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pwh::crypto {

/// The 6-digit codes of a second factor (RFC 6238: HMAC-SHA1, steps of 30 s).
class Totp {
  public:
    /// Takes the seed in base32 as authenticator apps show it: spaces, lower case and missing
    /// padding are allowed. Nothing when it is no base32, or empty.
    static std::optional<Totp> from_seed(std::string_view seed);

    /// Throws Error(failure) for a time before 1970.
    std::string code(WallTime time) const;

    /// The number of the step whose code this is: the present one, or a neighbour for clocks that
    /// differ. Nothing when it is the code of none.
    std::optional<std::int64_t> verify(std::string_view code, WallTime time) const;

    /// When the step after the one of that time begins.
    static WallTime next_step(WallTime time);

  private:
    explicit Totp(std::string key) : key_(std::move(key)) {}
    std::string code_of_step(std::int64_t step) const;

    std::string key_;
};

}  // namespace pwh::crypto
