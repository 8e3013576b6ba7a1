// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "sandbox/accounts.hpp"

namespace pwh::sandbox {

/// Tokens of one kind: random UUIDs that stand for an account until they expire. Only the newest
/// `capacity` are kept.
class TokenBook {
  public:
    static constexpr std::size_t capacity = 10'000;

    TokenBook(WallClock now, std::chrono::milliseconds lifetime);

    std::string issue(const Account& account);
    /// Whose token it is; null when it is unknown, used up or expired.
    const Account* holder(const std::string& token) const;
    /// As holder(), and uses it up.
    const Account* redeem(const std::string& token);

  private:
    struct Entry {
        const Account* account = nullptr;
        WallTime expires;
    };
    void forget_old(WallTime now);

    WallClock now_;
    std::chrono::milliseconds lifetime_;
    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::string> in_order_;
};

}  // namespace pwh::sandbox
