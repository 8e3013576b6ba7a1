// SPDX-License-Identifier: Apache-2.0
#include "sandbox/accounts.hpp"

#include <algorithm>
#include <array>

namespace pwh::sandbox {

namespace {

constexpr std::array<std::string_view, 3> administrative_roles{
    "ROLE_SDB_ADMIN_USER", "ROLE_SDB_MANAGER_USER", "ROLE_SDB_CONFIG_MANAGER_USER"};

constexpr auto access_role = "ROLE_SDB_ACCESS_USER";
constexpr auto manager_role = "ROLE_SDB_MANAGER_USER";

}  // namespace

std::span<const Account> accounts() {
    static const std::vector<Account> table{
        {"admin@example.com", "may administer webhooks", {access_role, manager_role}, "", false},
        {"config@example.com",
         "may, by the role that came with 8.1",
         {access_role, "ROLE_SDB_CONFIG_MANAGER_USER"},
         "",
         false},
        {"reader@example.com", "may not", {access_role}, "", false},
        {"second-factor@example.com",
         "needs a code at each login",
         {access_role, manager_role},
         "ONQW4ZDCN54C243FMNXW4ZBNMZQWG5DP",
         false},
        {"setup@example.com",
         "has a second factor that is not set up",
         {access_role, manager_role},
         "",
         true},
    };
    return table;
}

const Account* find_account(std::string_view username) {
    const auto all = accounts();
    const auto found = std::find_if(all.begin(), all.end(), [username](const Account& account) {
        return account.username == username;
    });
    return found == all.end() ? nullptr : &*found;
}

bool may_administer_webhooks(const Account& account) {
    return std::any_of(account.roles.begin(), account.roles.end(), [](const std::string& role) {
        return std::find(administrative_roles.begin(), administrative_roles.end(), role) !=
               administrative_roles.end();
    });
}

}  // namespace pwh::sandbox
