// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "net/http_client.hpp"

/// What an endpoint is asked: as Preservica would ask it, and as an attacker would. Pure.
namespace pwh::preservica {

/// The trigger of events that only ask whether a receiver works: `listen` answers them, and never
/// prints or stores them.
inline constexpr std::string_view check_trigger = "PWH_CHECK";
/// The tenant and Preservica's version in messages that pwh makes up.
inline constexpr std::string_view probe_tenant = "PWH";
inline constexpr std::string_view probe_version = "8.1.0";
/// The subscription in test events of `send`: one that no server has.
inline constexpr std::string_view test_subscription = "00000000000000000000000000000000";

/// The body of such an event. With `beyond_ascii` it holds, as raw UTF-8, letters that Latin-1 has
/// and letters that it has not.
std::string check_message(WallTime now, const std::string& subscription_id,
                          const std::string& entity_ref, bool beyond_ascii = false);

/// An event as Preservica sends it: chunked. Without a signature where `signature` is empty.
net::ClientRequest event_request(const std::string& url, std::string body,
                                 const std::string& signature);

/// The same as a proxy or a cloud gateway passes it on: by Content-Length, with the names of
/// headers in lower case.
net::ClientRequest proxied_event_request(const std::string& url, std::string body,
                                         const std::string& signature);

/// A handshake: the code joins whatever query the URL has.
net::ClientRequest handshake_request(const std::string& url, std::string_view code);

/// One way of asking a receiver to sign a forged event, as if it were a challenge code.
struct OracleAttempt {
    std::string way;  ///< in words, as in "a challenge code sent WAY"
    net::ClientRequest request;
    /// The bodies that a receiver could be brought to sign by it: the signature of none of them,
    /// taken as events, may be in the answer.
    std::vector<std::string> forged_bodies;
    /// A receiver without fault may sign something else here.
    bool may_sign_other = false;
};

/// The attack that protocol.md §4 describes, in the forms that get past checks which look at
/// another text than the one that is signed. `harmless_code` is what a receiver may sign.
std::vector<OracleAttempt> oracle_attempts(const std::string& url, const std::string& forged_body,
                                           std::string_view harmless_code);

/// A body for it, so short that a limit on the length of codes lets it through: harmless where it
/// gets in all the same.
inline constexpr std::string_view forged_message = R"({"events":[],"trigger":"PWH_CHECK"})";

}  // namespace pwh::preservica
