// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/crypto.hpp"

namespace pwh::preservica {

/// The bytes that are signed before an event's body.
inline constexpr std::string_view event_prefix = "preservica-webhook-auth";
/// The header that carries an event's signature.
inline constexpr std::string_view signature_header = "Preservica-Signature";
/// The query parameter that makes a request a handshake.
inline constexpr std::string_view challenge_parameter = "challengeCode";
inline constexpr std::size_t max_challenge_length = 256;
/// Secrets shorter than this can be guessed offline from a handshake's answer.
inline constexpr std::size_t min_secret_length = 16;

/// Whether a challenge code may be signed: 1 to 256 visible ASCII characters that do not begin with
/// the event prefix. Without this rule a handshake is an oracle that signs forged events.
bool is_signable(std::string_view code);

/// An event's signature as its header carries it: 64 hex digits, of either case.
std::optional<crypto::Digest> parse_signature(std::string_view text);

/// Signs and verifies under one secret. One object belongs to one thread at a time.
class Signer {
  public:
    explicit Signer(std::string_view secret) : hmac_(secret) {}

    /// Lower-case hex over the prefix and the body's bytes as they go out.
    std::string sign_event(std::string_view body);

    /// Compares in constant time with the signature over the raw bytes; where that fails and the
    /// body is non-ASCII UTF-8 without a character above U+00FF, with that over its Latin-1 form,
    /// which is what pyPreservica computes.
    bool verify_event(std::string_view body, const crypto::Digest& signature);

    /// The answer to a challenge. Throws Error(failure) for a code that is not signable.
    std::string answer_challenge(std::string_view code);

  private:
    crypto::HmacSha256 hmac_;
};

/// The body that answers a handshake.
std::string challenge_answer(std::string_view code, std::string_view response);

/// A new secret: 32 random bytes in hex.
std::string generate_secret();

/// What is wrong with a secret ("the secret is empty", "the secret is shorter than 16 bytes: …"),
/// or nothing.
std::optional<std::string> secret_weakness(std::string_view secret);

}  // namespace pwh::preservica
