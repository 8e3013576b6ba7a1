// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "net/http_server.hpp"
#include "sandbox/accounts.hpp"
#include "sandbox/tokens.hpp"
#include "text/percent.hpp"

namespace pwh::sandbox {

/// The endpoints below `/api/accesstoken`: who gets a token, and whose a token is. Source:
/// protocol.md §1. Whatever does not hold is answered 401 with a `message`.
class SignIn {
  public:
    SignIn(WallClock now, std::chrono::milliseconds token_lifetime);

    net::Response login(const text::FormFields& form);
    net::Response complete_second_factor(const text::FormFields& form);
    /// `token` is what the call's header carries.
    net::Response refresh(const text::FormFields& form, const std::string& token);
    net::Response acquire_external(const text::FormFields& form);

    /// The account that a call with this token acts for; null for none.
    const Account* holder(const std::string& token) const { return access_.holder(token); }

  private:
    net::Response granted(const Account& account, bool with_details);
    bool take_code(const Account& account, const std::string& code);

    WallClock now_;
    std::chrono::milliseconds token_lifetime_;
    TokenBook access_;
    TokenBook refresh_;
    TokenBook continuation_;
    /// The steps of the second factor whose code was used, by user: a code works once.
    std::map<std::string, std::set<std::int64_t>> used_steps_;
};

}  // namespace pwh::sandbox
