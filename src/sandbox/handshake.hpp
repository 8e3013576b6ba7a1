// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "net/http_client.hpp"
#include "preservica/subscriptions.hpp"

namespace pwh::sandbox {

/// What is wrong with the answer to a challenge, in words; nothing when it passes.
std::optional<std::string> fault_of_challenge_answer(const net::ClientResponse& answer,
                                                     const std::string& code,
                                                     const std::string& secret);

/// Asks the URL of a subscription to prove that it knows the secret, as Preservica does before it
/// subscribes. Returns what was wrong, in words; nothing when it passed. Source: protocol.md §2.
std::optional<std::string> run_handshake(net::HttpClient& http,
                                         const preservica::NewSubscription& wanted);

}  // namespace pwh::sandbox
