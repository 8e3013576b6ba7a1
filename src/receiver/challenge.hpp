// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace pwh::receiver {

/// What a request's query says of a handshake.
struct Challenge {
    enum class Kind {
        none,      ///< no challengeCode: the request is no handshake
        signable,  ///< one code that may be signed
        refused,   ///< anything else: must never be signed
    };
    Kind kind = Kind::none;
    std::string code;      ///< decoded; of a signable one
    std::string_view why;  ///< of a refused one, in words
};

/// Finds the challenge in a query string (without `?`). Names and values are decoded once, as a
/// form is; a name that means challengeCode in any spelling counts, so that what another parser
/// would find is found here, too.
Challenge find_challenge(std::string_view query);

}  // namespace pwh::receiver
