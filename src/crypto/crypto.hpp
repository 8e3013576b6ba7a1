// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pwh::crypto {

/// A SHA-256 or HMAC-SHA256 value.
using Digest = std::array<unsigned char, 32>;

/// HMAC-SHA256 (RFC 2104) under one key. The keyed context is made once and used again: three times
/// faster than a one-shot HMAC(). One object belongs to one thread at a time.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view key);
    HmacSha256(HmacSha256&&) noexcept;
    HmacSha256& operator=(HmacSha256&&) noexcept;
    HmacSha256(const HmacSha256&) = delete;
    HmacSha256& operator=(const HmacSha256&) = delete;
    ~HmacSha256();

    /// The code of the parts, one after the other.
    Digest operator()(std::initializer_list<std::string_view> parts);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

Digest sha256(std::string_view bytes);

/// Only for the hash of Preservica's deprecated `acquire-external`: SHA-1 is broken for anything
/// else.
std::array<unsigned char, 20> sha1(std::string_view bytes);

/// Bytes from the system's cryptographic generator. Throws Error(failure) when there are none.
void random_bytes(std::span<unsigned char> out);

/// Compares in a time that depends on nothing but the length.
bool equal_constant_time(std::span<const unsigned char> a, std::span<const unsigned char> b);

/// Overwrites a secret before its memory is given back.
void wipe(std::string& secret) noexcept;

}  // namespace pwh::crypto
