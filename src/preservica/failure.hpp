// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace pwh::preservica {

/// A JSON text from outside; nothing when it is none, or nested so deep that writing it again could
/// exhaust the stack. The order of fields is kept.
std::optional<nlohmann::ordered_json> parse_json(std::string_view text);

/// The JSON of an answer; throws Error(unavailable) that says so when it is none (a login page in
/// HTML, say).
nlohmann::ordered_json parse_answer(const net::ClientResponse& response, const std::string& doing);

/// The messages of a login that needs more than a password.
inline constexpr std::string_view second_factor_needed = "needs.2fa";
inline constexpr std::string_view second_factor_not_set_up = "needs.2fa.setup";

/// The `message` of a JSON body on one line of at most 200 characters; empty when there is none.
std::string server_message(const net::ClientResponse& response);

/// `text`, or `text: MESSAGE` where the answer's body has one.
std::string with_server_message(std::string text, const net::ClientResponse& response);

/// Drops the body where its message repeats `secret`, which was in the request.
void drop_echo(net::ClientResponse& response, const std::string& secret);

/// The error for an answer that is no success: its exit code, one line that says what was tried and
/// what came (the body's `message` where it has one), and a hint. `doing` reads like "list the
/// subscriptions".
Error explain_failure(const net::ClientResponse& response, const std::string& doing);

}  // namespace pwh::preservica
