// SPDX-License-Identifier: Apache-2.0
// A query string: is what may be signed harmless, and what another reader of the query finds?
#include "receiver/challenge.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "preservica/signature.hpp"
#include "require.hpp"

namespace {

using pwh::fuzz::require;
using pwh::receiver::Challenge;

/// One query component, decoded once; nothing where an escape is broken.
std::optional<std::string> decode(const std::string& text) {
    static const std::string digits = "0123456789abcdefABCDEF";
    const auto value = [](char c) {
        const auto at = digits.find(c);
        return static_cast<unsigned>(at < 16 ? at : at - 6);
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        if (i + 2 >= text.size() || digits.find(text[i + 1]) == std::string::npos ||
            digits.find(text[i + 2]) == std::string::npos) {
            return std::nullopt;
        }
        out.push_back(static_cast<char>(value(text[i + 1]) * 16 + value(text[i + 2])));
        i += 2;
    }
    return out;
}

std::vector<std::string> split(const std::string& query) {
    std::vector<std::string> pairs(1);
    for (const char c : query) {
        if (c == '&') {
            pairs.emplace_back();
        } else {
            pairs.back().push_back(c);
        }
    }
    return pairs;
}

/// Every value of challengeCode, undecoded.
std::vector<std::string> codes(const std::string& query) {
    std::vector<std::string> found;
    for (const auto& pair : split(query)) {
        const auto equals = pair.find('=');
        if (decode(pair.substr(0, equals)) != "challengeCode") continue;
        found.push_back(equals == std::string::npos ? "" : pair.substr(equals + 1));
    }
    return found;
}

bool may_be_signed(const std::string& code) {
    return !code.empty() && code.size() <= 256 && code.rfind("preservica-webhook-auth", 0) != 0 &&
           std::all_of(code.begin(), code.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string query(reinterpret_cast<const char*>(data), size);
    const auto challenge = pwh::receiver::find_challenge(query);
    const auto found = codes(query);
    if (found.empty()) {
        require(challenge.kind == Challenge::Kind::none, "no code, no challenge");
        return 0;
    }
    const auto code = decode(found.front());
    const bool signable = found.size() == 1 && code && may_be_signed(*code);
    require(challenge.kind == (signable ? Challenge::Kind::signable : Challenge::Kind::refused),
            "another reader judges the code alike");
    if (!signable) {
        require(challenge.code.empty() && !challenge.why.empty(), "a refusal has a reason only");
        return 0;
    }
    require(challenge.code == *code, "another reader finds the same code");
    static pwh::preservica::Signer signer("the-secret-of-the-fuzz-target");
    require(signer.answer_challenge(challenge.code).size() == 64, "it can be signed");
    return 0;
}
