// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pwh::sandbox {

inline constexpr std::string_view tenant = "SANDBOX";
inline constexpr std::string_view version = "8.1.0";
/// Every account's password.
inline constexpr std::string_view password = "sandbox-password";
/// What `acquire-external` is signed with.
inline constexpr std::string_view shared_secret = "sandbox-shared-secret";

/// A user of the sandbox.
struct Account {
    std::string username;
    std::string what_for;  ///< in words, for the help
    std::vector<std::string> roles;
    std::string second_factor_seed;         ///< base32; empty: there is no second factor
    bool second_factor_not_set_up = false;  ///< the login is refused until it is
};

/// All of them; the first is the one that commands run in the sandbox get.
std::span<const Account> accounts();

/// The account of that name, or null.
const Account* find_account(std::string_view username);

/// True when a role of the account allows webhook administration.
bool may_administer_webhooks(const Account& account);

}  // namespace pwh::sandbox
