// SPDX-License-Identifier: Apache-2.0
#include "preservica/signature.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "text/hex.hpp"
#include "text/utf8.hpp"

namespace pwh::preservica {

bool is_signable(std::string_view code) {
    return !code.empty() && code.size() <= max_challenge_length &&
           !code.starts_with(event_prefix) &&
           std::all_of(code.begin(), code.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<crypto::Digest> parse_signature(std::string_view text) {
    crypto::Digest digest{};
    if (!text::from_hex(text, digest)) return std::nullopt;
    return digest;
}

std::string Signer::sign_event(std::string_view body) {
    return text::to_hex(hmac_({event_prefix, body}));
}

bool Signer::verify_event(std::string_view body, const crypto::Digest& signature) {
    if (crypto::equal_constant_time(hmac_({event_prefix, body}), signature)) return true;
    const bool ascii = std::all_of(body.begin(), body.end(),
                                   [](char c) { return static_cast<signed char>(c) >= 0; });
    if (ascii) return false;
    const auto latin1 = text::utf8_to_latin1(body);
    return latin1 && crypto::equal_constant_time(hmac_({event_prefix, *latin1}), signature);
}

std::string Signer::answer_challenge(std::string_view code) {
    if (!is_signable(code)) {
        throw Error(
            ExitCode::failure, "this challenge code must not be signed",
            fmt::format("a code is 1 to {} visible ASCII characters and never starts with {}",
                        max_challenge_length, event_prefix));
    }
    return text::to_hex(hmac_({code}));
}

std::string challenge_answer(std::string_view code, std::string_view response) {
    const nlohmann::ordered_json answer{{"challengeCode", code}, {"challengeResponse", response}};
    return answer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string generate_secret() {
    std::array<unsigned char, 32> bytes{};
    crypto::random_bytes(bytes);
    return text::to_hex(bytes);
}

std::optional<std::string> secret_weakness(std::string_view secret) {
    if (secret.empty()) return "the secret is empty";
    if (secret.size() < min_secret_length) {
        return fmt::format(
            "the secret is shorter than {} bytes: it can be guessed from a handshake",
            min_secret_length);
    }
    return std::nullopt;
}

}  // namespace pwh::preservica
