// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "commands/check.hpp"
#include "crypto/crypto.hpp"
#include "preservica/signature.hpp"
#include "text/hex.hpp"
#include "text/percent.hpp"

/// An endpoint that `check` can ask without a network, and what it finds there.
namespace pwh::commands::check_test {

using namespace std::chrono_literals;
using net::ClientRequest;
using net::ClientResponse;
using net::TransportError;
using Time = std::chrono::steady_clock::time_point;

inline const std::string secret = "0123456789abcdef0123456789abcdef";

inline std::string header(const ClientRequest& request, const std::string& lower_name) {
    for (const auto& [name, value] : request.headers) {
        auto lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (lower == lower_name) return value;
    }
    return {};
}

/// A receiver without fault, until a test breaks a part of it.
class Endpoint : public net::HttpClient {
  public:
    ClientResponse perform(const ClientRequest& request) override {
        ++requests;
        now += 1ms;
        if (before) before(request);
        const auto code = find_code(request);
        if (!code) return {on_event(request), {}, {}};
        if (request.method != "POST") return {405, {}, {}};
        if (!may_sign(*code)) return {400, {}, {}};
        const auto digest = crypto::HmacSha256(own_secret)({*code});
        return {200, {}, preservica::challenge_answer(*code, text::to_hex(digest))};
    }

    std::optional<std::string> find_code(const ClientRequest& request) const {
        std::optional<std::string> found;
        const auto query = request.url.find('?');
        auto form = query == std::string::npos ? std::string() : request.url.substr(query + 1);
        const bool is_form = header(request, "content-type").ends_with("urlencoded");
        if (reads_forms && is_form) form += "&" + request.body;
        for (const auto& [name, value] : text::parse_form(form)) {
            if (name == "challengeCode" && (!found || takes_last)) found = value;
        }
        if (found && decodes_twice) found = text::form_decode(*found);
        return found;
    }

    std::string own_secret = secret;
    std::function<bool(const std::string&)> may_sign = preservica::is_signable;
    std::function<long(const ClientRequest&)> on_event = [this](const ClientRequest& request) {
        return is_right(request) ? 200 : 401;
    };
    std::function<void(const ClientRequest&)> before;
    bool takes_last = false;
    bool reads_forms = false;
    bool decodes_twice = false;

    bool is_right(const ClientRequest& request) const {
        return header(request, "preservica-signature") ==
               preservica::Signer(own_secret).sign_event(request.body);
    }

    std::size_t requests = 0;
    Time now{};
};

inline std::map<std::string, CheckResult> results_of(
    Endpoint& endpoint, const std::string& url = "https://h.example/p") {
    EndpointCheck check(endpoint, url, secret, WallTime{}, [&endpoint] { return endpoint.now; });
    std::map<std::string, CheckResult> results;
    for (auto& each : check.run()) {
        CHECK_FALSE(each.explanation.empty());
        CHECK(each.explanation.find(secret) == std::string::npos);
        const auto name = each.name;
        CHECK(results.emplace(name, std::move(each)).second);
    }
    return results;
}

/// The names of those with that verdict.
inline std::string named(const std::map<std::string, CheckResult>& results, Verdict verdict) {
    std::string names;
    for (const auto& [name, result] : results) {
        if (result.verdict == verdict) names += (names.empty() ? "" : " ") + name;
    }
    return names;
}

inline bool says(const CheckResult& result, const std::string& text) {
    return result.explanation.find(text) != std::string::npos;
}

}  // namespace pwh::commands::check_test
