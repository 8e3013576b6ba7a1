// SPDX-License-Identifier: Apache-2.0
#include "sandbox/handshake.hpp"

#include <fmt/format.h>

#include <span>

#include "crypto/crypto.hpp"
#include "preservica/failure.hpp"
#include "preservica/probe.hpp"
#include "preservica/signature.hpp"
#include "sandbox/identifiers.hpp"

namespace pwh::sandbox {

namespace {

std::span<const unsigned char> as_bytes(std::string_view text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

}  // namespace

std::optional<std::string> fault_of_challenge_answer(const net::ClientResponse& answer,
                                                     const std::string& code,
                                                     const std::string& secret) {
    if (answer.status != 200) return fmt::format("it answered with status {}", answer.status);
    const auto json = preservica::parse_json(answer.body);
    if (!json || !json->is_object()) return "its answer is not a JSON object";
    const auto has = [&json](const char* name) {
        return json->contains(name) && (*json)[name].is_string();
    };
    if (!has("challengeCode")) return "its answer has no challengeCode";
    if ((*json)["challengeCode"] != code) return "its challengeCode is not the code that was sent";
    if (!has("challengeResponse")) return "its answer has no challengeResponse";
    const auto right = preservica::Signer(secret).answer_challenge(code);
    const auto given = (*json)["challengeResponse"].get<std::string>();
    if (!crypto::equal_constant_time(as_bytes(given), as_bytes(right))) {
        return "its challengeResponse is not the lower-case hex HMAC-SHA256 of the code under the "
               "secret";
    }
    return std::nullopt;
}

std::optional<std::string> run_handshake(net::HttpClient& http,
                                         const preservica::NewSubscription& wanted) {
    const auto code = random_uuid();
    try {
        const auto answer = http.perform(preservica::handshake_request(wanted.url, code));
        return fault_of_challenge_answer(answer, code, wanted.secret);
    } catch (const Error& error) {
        return error.what();
    }
}

}  // namespace pwh::sandbox
