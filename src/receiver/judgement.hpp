// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/crypto.hpp"
#include "net/request_parser.hpp"
#include "receiver/challenge.hpp"

namespace pwh::receiver {

/// What a request's head alone tells: pure, so that every row of cli.md's table can be tested
/// without a socket.
struct Judgement {
    enum class Kind {
        health,         ///< GET /healthz
        wrong_path,     ///< 404
        wrong_method,   ///< 405
        event,          ///< a well-formed signature: the body decides
        handshake,      ///< no usable signature, and a challenge that may be signed
        bad_challenge,  ///< no usable signature, and a challenge that may not: 400
        unsigned_,      ///< no usable signature, no challenge: 401
    };
    Kind kind = Kind::unsigned_;
    crypto::Digest signature{};  ///< of an event
    Challenge challenge;
    std::string_view why;  ///< of unsigned_, in words
};

struct Rules {
    std::string path;  ///< empty: any
    bool handshake = true;
};

inline constexpr std::string_view health_path = "/healthz";

Judgement judge(const net::RequestHead& head, const Rules& rules);

}  // namespace pwh::receiver
