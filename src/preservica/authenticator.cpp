// SPDX-License-Identifier: Apache-2.0
#include "preservica/authenticator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/crypto.hpp"
#include "crypto/totp.hpp"
#include "preservica/failure.hpp"
#include "text/hex.hpp"

namespace pwh::preservica {

namespace {

using Json = nlohmann::ordered_json;

constexpr auto token_header = "Preservica-Access-Token";
constexpr auto tenant_hint =
    "set it: --tenant, PRESERVICA_TENANT, or tenant in the credentials file";
constexpr std::chrono::minutes usual_lifetime{15};
constexpr std::chrono::minutes longest_lifetime{24 * 60};
constexpr std::size_t code_digits = 6;

/// The first of the names that holds a text.
std::string string_field(const Json& json, std::initializer_list<const char*> names) {
    for (const auto* name : names) {
        const auto field = json.find(name);
        if (field != json.end() && field->is_string()) return field->get<std::string>();
    }
    return {};
}

/// A token goes into a header: anything but visible ASCII there is no token of Preservica's.
bool is_token(const std::string& token) {
    constexpr std::size_t longest = 4096;
    return !token.empty() && token.size() <= longest &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_code(const std::string& text) {
    return text.size() == code_digits &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_refusal(const net::ClientResponse& response) {
    return response.status == 400 || response.status == 401 || response.status == 403;
}

bool asks_for_code(const net::ClientResponse& response) {
    return is_refusal(response) && server_message(response) == second_factor_needed;
}

std::chrono::minutes lifetime_of(const Json& json) {
    const auto field = json.find("validFor");
    if (field == json.end() || !field->is_number()) return usual_lifetime;
    const auto minutes = field->get<double>();
    if (!(minutes >= 1)) return usual_lifetime;
    if (minutes >= static_cast<double>(longest_lifetime.count())) return longest_lifetime;
    return std::chrono::minutes(static_cast<std::int64_t>(minutes));
}

Tokens read_tokens(const net::ClientResponse& response, const std::string& doing,
                   WallTime asked_at) {
    const auto json = parse_answer(response, doing);
    const auto bad = [&doing](const char* what) {
        return Error(ExitCode::unavailable, fmt::format("cannot {}: {}", doing, what),
                     "check --server: it has to be the host of Preservica's API");
    };
    if (!json.is_object()) throw bad("the answer is not what Preservica's login answers");
    Tokens tokens;
    tokens.access = string_field(json, {"token"});
    if (!is_token(tokens.access)) throw bad("the answer holds no access token");
    tokens.refresh = string_field(json, {"refresh-token", "refreshToken"});
    if (!is_token(tokens.refresh)) tokens.refresh.clear();
    tokens.tenant = string_field(json, {"tenant"});
    tokens.issued = asked_at;
    tokens.expires = asked_at + lifetime_of(json);
    return tokens;
}

crypto::Totp totp_of(const std::string& seed) {
    // Six digits can be base32, but nobody's seed is that short.
    auto totp = is_code(seed) ? std::nullopt : crypto::Totp::from_seed(seed);
    if (totp) return *std::move(totp);
    throw UsageError(
        "the seed of the second factor is not base32",
        "PRESERVICA_2FA_TOKEN (twoFactorToken in the credentials file) is the seed that the "
        "authenticator app was set up with, not one of its codes");
}

}  // namespace

/// What a login that needs a second factor answered.
struct Authenticator::Challenge {
    std::string continuation_token;
    std::string tenant;
};

Authenticator::Authenticator(net::HttpClient& http, Server server, Credentials credentials,
                             SignInSupport support, const Diagnostics& diagnostics)
    : http_(http),
      server_(std::move(server)),
      credentials_(std::move(credentials)),
      support_(std::move(support)),
      diagnostics_(diagnostics) {}

void Authenticator::complete_credentials() {
    if (credentials_.username.empty()) {
        throw UsageError(
            "no username is set",
            "set it: --username, PRESERVICA_USERNAME, or username in the credentials file");
    }
    if (!credentials_.password) credentials_.password = support_.ask_password();
}

Tokens Authenticator::sign_in() {
    complete_credentials();
    diagnostics_.detail(fmt::format("signing in as {}", who()));
    return credentials_.shared_secret ? sign_in_with_shared_secret() : sign_in_with_password();
}

std::string Authenticator::who() const {
    return fmt::format("{} at {}", credentials_.username, server_.address);
}

net::ClientResponse Authenticator::post(const char* endpoint, const text::FormFields& fields,
                                        const std::string& token) {
    net::ClientRequest request{
        "POST",
        fmt::format("{}/api/accesstoken/{}", server_.base_url(), endpoint),
        {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
        text::encode_form(fields)};
    if (!token.empty()) request.headers.emplace_back(token_header, token);
    auto response = http_.perform(request);
    crypto::wipe(request.body);
    return response;
}

net::ClientResponse Authenticator::login() {
    text::FormFields fields{{"username", credentials_.username},
                            {"password", *credentials_.password}};
    if (credentials_.tenant) {
        fields.emplace_back("tenant", *credentials_.tenant);
    } else {
        fields.emplace_back("includeUserDetails", "true");
    }
    auto response = post("login", fields);
    drop_echo(response, *credentials_.password);
    return response;
}

Tokens Authenticator::sign_in_with_password() {
    auto asked_at = support_.now();
    auto response = login();
    auto code_from = asked_at;
    for (bool again = false; asks_for_code(response); again = true) {
        const auto json = parse_json(response.body);
        const Challenge challenge{
            string_field(*json, {"continuationToken", "continuation-token"}),
            string_field(*json, {"tenant"}),
        };
        const auto answer_code = code(code_from);
        asked_at = support_.now();
        response = complete_second_factor(challenge, answer_code);
        if (!is_refusal(response)) {
            auto tokens = granted(response, asked_at);
            if (tokens.tenant.empty()) tokens.tenant = challenge.tenant;
            tokens.second_factor = true;
            return tokens;
        }
        if (again) {
            throw Error(ExitCode::unauthenticated,
                        with_server_message(
                            fmt::format("the second factor of {} was refused", who()), response),
                        "check the clock of this machine, and the seed: PRESERVICA_2FA_TOKEN, or "
                        "twoFactorToken in the credentials file");
        }
        // The refused code used its continuation token up.
        code_from = wait_for_next_code();
        response = login();
    }
    return granted(response, asked_at);
}

net::ClientResponse Authenticator::complete_second_factor(const Challenge& challenge,
                                                          const std::string& code) {
    const auto tenant =
        challenge.tenant.empty() ? credentials_.tenant.value_or("") : challenge.tenant;
    if (challenge.continuation_token.empty()) {
        throw Error(ExitCode::unavailable,
                    fmt::format("cannot sign in as {}: the server asks for a second factor, but "
                                "its answer holds no continuation token",
                                who()));
    }
    if (tenant.empty()) {
        throw Error(ExitCode::unauthenticated,
                    fmt::format("the second factor of {} needs the tenant, which the server does "
                                "not say",
                                who()),
                    tenant_hint);
    }
    return post("complete-2fa", {{"username", credentials_.username},
                                 {"tenant", tenant},
                                 {"continuationToken", challenge.continuation_token},
                                 {"twoFactorToken", code}});
}

std::string Authenticator::code(WallTime not_before) {
    if (!credentials_.two_factor_seed) return ask_for_code();
    return totp_of(*credentials_.two_factor_seed).code(std::max(support_.now(), not_before));
}

std::string Authenticator::ask_for_code() {
    static constexpr int tries = 3;
    for (int i = 0; i < tries; ++i) {
        auto answer = support_.ask_code();
        if (!answer) {
            throw Error(ExitCode::unauthenticated,
                        fmt::format("{} needs a second factor to sign in", who()),
                        "set PRESERVICA_2FA_TOKEN (twoFactorToken in the credentials file) to the "
                        "seed that the authenticator app was set up with; on a terminal, pwh asks "
                        "for a code");
        }
        std::erase(*answer, ' ');
        if (is_code(*answer)) return *answer;
        diagnostics_.note(fmt::format("a code has {} digits", code_digits));
    }
    throw Error(ExitCode::unauthenticated,
                fmt::format("{} needs a second factor to sign in, and no code was given", who()));
}

/// The time from which the next code is the right one.
WallTime Authenticator::wait_for_next_code() {
    const auto now = support_.now();
    if (!credentials_.two_factor_seed) {
        diagnostics_.note("the code was refused; a code works once, so wait for the next one");
        return now;
    }
    const auto next = crypto::Totp::next_step(now);
    diagnostics_.note(
        fmt::format("the code of the second factor was refused, as one is that was used a moment "
                    "ago; waiting {} s for the next one",
                    std::chrono::ceil<std::chrono::seconds>(next - now).count()));
    support_.sleep(std::chrono::ceil<std::chrono::milliseconds>(next - now));
    return next;
}

Tokens Authenticator::sign_in_with_shared_secret() {
    if (!credentials_.tenant) {
        throw UsageError("signing in with a shared secret needs the tenant", tenant_hint);
    }
    diagnostics_.warning("Preservica is removing the sign-in with a shared secret",
                         "use a user's password, with a second factor where there is one");
    const auto asked_at = support_.now();
    const auto timestamp = std::to_string(
        std::chrono::floor<std::chrono::seconds>(asked_at.time_since_epoch()).count());
    auto text = fmt::format("preservica-external-auth{}{}{}", timestamp, credentials_.username,
                            *credentials_.password);
    const auto hash = text::to_hex(crypto::sha1(text));
    crypto::wipe(text);
    const auto response = post("acquire-external", {{"username", credentials_.username},
                                                    {"tenant", *credentials_.tenant},
                                                    {"timestamp", timestamp},
                                                    {"hash", hash}});
    return granted(response, asked_at);
}

std::optional<Tokens> Authenticator::refresh(const Tokens& old) {
    if (old.refresh.empty()) return std::nullopt;
    diagnostics_.detail(fmt::format("refreshing the access token of {}", who()));
    const auto asked_at = support_.now();
    try {
        const auto response = post("refresh", {{"refreshToken", old.refresh}}, old.access);
        if (response.status == 200) {
            auto tokens = granted(response, asked_at);
            if (tokens.tenant.empty()) tokens.tenant = old.tenant;
            tokens.second_factor = old.second_factor;
            return tokens;
        }
        diagnostics_.detail(with_server_message(
            fmt::format("the server refuses to refresh it (status {})", response.status),
            response));
    } catch (const Error& error) {
        diagnostics_.detail(error.what());
    }
    return std::nullopt;
}

Tokens Authenticator::granted(const net::ClientResponse& response, WallTime asked_at) {
    const auto doing = fmt::format("sign in as {}", who());
    if (is_refusal(response)) throw refused(response);
    if (response.status != 200) throw explain_failure(response, doing);
    return read_tokens(response, doing, asked_at);
}

Error Authenticator::refused(const net::ClientResponse& response) const {
    if (server_message(response) == second_factor_not_set_up) {
        return {ExitCode::unauthenticated,
                fmt::format("{} has to set up a second factor first", who()),
                "sign in to Preservica's web interface once and set it up there"};
    }
    const auto* hint = credentials_.shared_secret
                           ? "the password setting has to be the secret that the tenant shares, "
                             "and this machine's clock right; `pwh whoami -v` says where it "
                             "comes from"
                           : credentials_hint;
    return {ExitCode::unauthenticated,
            with_server_message(fmt::format("the login of {} was refused", who()), response), hint};
}

}  // namespace pwh::preservica
