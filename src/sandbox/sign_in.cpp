// SPDX-License-Identifier: Apache-2.0
#include "sandbox/sign_in.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "crypto/crypto.hpp"
#include "crypto/totp.hpp"
#include "preservica/failure.hpp"
#include "sandbox/answers.hpp"
#include "text/hex.hpp"

namespace pwh::sandbox {

namespace {

/// How far a client's clock may be off in `acquire-external`. What Preservica allows is not
/// documented.
constexpr std::chrono::minutes clock_difference{5};

constexpr auto wrong_login = "the username, the password or the tenant is wrong";

/// The first field of that name; empty when there is none.
std::string_view field(const text::FormFields& form, std::string_view name) {
    const auto found = std::find_if(form.begin(), form.end(),
                                    [name](const auto& entry) { return entry.first == name; });
    return found == form.end() ? std::string_view() : std::string_view(found->second);
}

std::span<const unsigned char> as_bytes(std::string_view text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

bool same_secret(std::string_view a, std::string_view b) {
    return crypto::equal_constant_time(as_bytes(a), as_bytes(b));
}

/// Rounded up: clients expect a whole number, and none that is zero.
std::int64_t in_minutes(std::chrono::milliseconds time) {
    return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::minutes>(time).count());
}

bool is_recent(std::string_view timestamp, WallTime now) {
    std::int64_t seconds = 0;
    const auto* end = timestamp.data() + timestamp.size();
    const auto [stop, error] = std::from_chars(timestamp.data(), end, seconds);
    if (error != std::errc{} || stop != end || seconds < 0) return false;
    const auto present = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    const auto most = std::chrono::seconds(clock_difference).count();
    return seconds >= present - most && seconds <= present + most;
}

bool is_external_hash(std::string_view hash, std::string_view timestamp,
                      std::string_view username) {
    const auto right = crypto::sha1(
        fmt::format("preservica-external-auth{}{}{}", timestamp, username, shared_secret));
    auto given = right;
    return text::from_hex(hash, given) && crypto::equal_constant_time(given, right);
}

}  // namespace

SignIn::SignIn(WallClock now, std::chrono::milliseconds token_lifetime)
    : now_(std::move(now)),
      token_lifetime_(token_lifetime),
      access_(now_, token_lifetime),
      refresh_(now_, token_lifetime),
      continuation_(now_, token_lifetime) {}

net::Response SignIn::granted(const Account& account, bool with_details) {
    nlohmann::ordered_json body{{"success", true},
                                {"user", account.username},
                                {"token", access_.issue(account)},
                                {"refresh-token", refresh_.issue(account)},
                                {"validFor", in_minutes(token_lifetime_)}};
    if (with_details) {
        body["tenant"] = tenant;
        body["tenantValue"] = tenant;
    }
    return json_answer(200, body);
}

net::Response SignIn::login(const text::FormFields& form) {
    const auto* account = find_account(field(form, "username"));
    const bool right = same_secret(field(form, "password"), password);
    const auto wanted_tenant = field(form, "tenant");
    const bool with_details = field(form, "includeUserDetails") == "true";
    if (account == nullptr || !right || (!wanted_tenant.empty() && wanted_tenant != tenant)) {
        return refusal(401, wrong_login);
    }
    if (wanted_tenant.empty() && !with_details) {
        return refusal(401, "a login without a tenant needs includeUserDetails=true");
    }
    if (account->second_factor_not_set_up) {
        return refusal(401, preservica::second_factor_not_set_up);
    }
    if (account->second_factor_seed.empty()) return granted(*account, with_details);
    return json_answer(401, {{"success", false},
                             {"message", preservica::second_factor_needed},
                             {"continuationToken", continuation_.issue(*account)},
                             {"tenant", tenant}});
}

net::Response SignIn::complete_second_factor(const text::FormFields& form) {
    const auto* account = continuation_.redeem(std::string(field(form, "continuationToken")));
    if (account == nullptr) {
        return refusal(401, "the continuation token is unknown, used or expired");
    }
    if (field(form, "username") != account->username || field(form, "tenant") != tenant) {
        return refusal(401, "the continuation token belongs to another user or tenant");
    }
    if (!take_code(*account, std::string(field(form, "twoFactorToken")))) {
        return refusal(401, "the code of the second factor is wrong or was used");
    }
    return granted(*account, false);
}

bool SignIn::take_code(const Account& account, const std::string& code) {
    const auto totp = crypto::Totp::from_seed(account.second_factor_seed);
    const auto step = totp ? totp->verify(code, now_()) : std::nullopt;
    if (!step) return false;
    auto& used = used_steps_[account.username];
    // A step two behind is out of every window that a step can be accepted in from now on.
    used.erase(used.begin(), used.lower_bound(*step - 2));
    return used.insert(*step).second;
}

net::Response SignIn::refresh(const text::FormFields& form, const std::string& token) {
    const auto* account = refresh_.redeem(std::string(field(form, "refreshToken")));
    if (account == nullptr) return refusal(401, "the refresh token is unknown, used or expired");
    if (access_.holder(token) != account) {
        return refusal(401, "the access token is missing, expired or another user's");
    }
    return granted(*account, false);
}

net::Response SignIn::acquire_external(const text::FormFields& form) {
    const auto username = field(form, "username");
    const auto timestamp = field(form, "timestamp");
    const auto* account = find_account(username);
    if (account == nullptr || field(form, "tenant") != tenant ||
        !is_external_hash(field(form, "hash"), timestamp, username)) {
        return refusal(401, "the username, the tenant or the hash is wrong");
    }
    if (!is_recent(timestamp, now_())) return refusal(401, "the timestamp is too far from now");
    return granted(*account, false);
}

}  // namespace pwh::sandbox
