// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace pwh::preservica {

/// Who signs in, and with what.
struct Credentials {
    std::string username;
    /// Nothing: it is asked for. With `shared_secret` it is the secret that the tenant shares.
    std::optional<std::string> password{};
    std::optional<std::string> tenant{};           ///< nothing: the login finds it out
    std::optional<std::string> two_factor_seed{};  ///< base32; nothing: the code is asked for
    bool shared_secret = false;                    ///< sign in by acquire-external
};

/// What a sign-in gave.
struct Tokens {
    std::string access{};
    std::string refresh{};  ///< works once; empty: there is none
    std::string tenant{};   ///< empty where no answer said it
    WallTime issued{};
    WallTime expires{};          ///< of both tokens
    bool second_factor = false;  ///< it took a code to get them

    /// True while a call made now can still count on the access token.
    bool usable(WallTime now) const;
    /// True in the last third of their life where a refresh saves another code.
    bool due_for_refresh(WallTime now) const;
};

/// Where tokens outlive the process, for the same server and the very same credentials. Nothing
/// here throws: without it, pwh only signs in more often.
class TokenKeeper {
  public:
    TokenKeeper() = default;
    TokenKeeper(const TokenKeeper&) = delete;
    TokenKeeper& operator=(const TokenKeeper&) = delete;
    virtual ~TokenKeeper() = default;

    virtual std::optional<Tokens> find(const Credentials& credentials) = 0;
    virtual void keep(const Credentials& credentials, const Tokens& tokens) = 0;
    /// Forgets these, if they are still the ones that are kept.
    virtual void drop(const Credentials& credentials, const std::string& access) = 0;

    /// Waits until no other pwh signs in as this user; none does while the result lives.
    using Turn = std::shared_ptr<void>;
    virtual Turn take_turn(const Credentials& credentials) = 0;
};

}  // namespace pwh::preservica
