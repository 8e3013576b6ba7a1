// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "store/state_folder.hpp"

namespace pwh::store {

/// Whose token it is, and what it took to get it.
struct TokenOwner {
    std::string protocol;
    std::string server;  ///< preservica::Server::key()
    std::string tenant;  ///< as set; empty where it is not
    std::string username;
    std::vector<std::string> credentials;  ///< the password, and what else is needed
};

struct CachedToken {
    std::string access;
    std::string refresh;
    std::string tenant;
    WallTime issued;
    WallTime expires;
    bool second_factor = false;
};

/// The access tokens of earlier sign-ins, in `tokens.json` of the state folder. Each is kept under
/// an HMAC of its owner, by a random key of the folder (`tokens.key`): only who knows the same
/// credentials finds it, and the file by itself lets nobody guess a password. Safe with many pwh at
/// once. Nothing here throws: a cache that can't be used is no cache, and -v says so; a damaged one
/// is replaced.
class TokenCache {
  public:
    TokenCache(StateFolder folder, const Diagnostics& diagnostics)
        : folder_(std::move(folder)), diagnostics_(diagnostics) {}

    /// What was kept for this owner, expired or not.
    std::optional<CachedToken> find(const TokenOwner& owner) const;
    /// Keeps it in the place of the one before, and forgets what is expired.
    void keep(const TokenOwner& owner, const CachedToken& token, WallTime now) const;
    /// Forgets the owner's token if it is this one.
    void drop(const TokenOwner& owner, const std::string& access) const;

    /// Waits until no other pwh signs in to the same account; none does while the result lives. Not
    /// for ever, and not when interrupted(): then there is nothing to hold.
    std::shared_ptr<void> take_turn(const TokenOwner& owner) const;

  private:
    template <typename Action>
    void attempt(const char* what, Action&& action) const;

    StateFolder folder_;
    const Diagnostics& diagnostics_;
};

}  // namespace pwh::store
