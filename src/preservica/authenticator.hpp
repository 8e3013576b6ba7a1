// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "net/http_client.hpp"
#include "preservica/server.hpp"
#include "preservica/tokens.hpp"
#include "text/percent.hpp"

namespace pwh::preservica {

/// What signing in needs of the person and of the machine.
struct SignInSupport {
    /// Throws where no question may be asked.
    std::function<std::string()> ask_password;
    /// Nothing where no question may be asked.
    std::function<std::optional<std::string>()> ask_code;
    WallClock now;
    Sleep sleep;
};

/// Where to look when a sign-in is refused.
inline constexpr auto credentials_hint =
    "check --username (PRESERVICA_USERNAME), PRESERVICA_PASSWORD, --tenant (PRESERVICA_TENANT) and "
    "the credentials file; `pwh whoami -v` says where each comes from";

/// The endpoints below `/api/accesstoken`: every way to get tokens.
/// Source: protocol.md §1 (Preservica's accesstoken API; pyPreservica's common.py).
class Authenticator {
  public:
    Authenticator(net::HttpClient& http, Server server, Credentials credentials,
                  SignInSupport support, const Diagnostics& diagnostics);

    const Server& server() const { return server_; }
    const Credentials& credentials() const { return credentials_; }
    WallTime now() const { return support_.now(); }

    /// Asks for the password where none is set. Throws UsageError without a username.
    void complete_credentials();

    /// Signs in, with a second factor where the server wants one. A code that is refused is tried
    /// again with the next one, once. Throws TransportError; Error(unauthenticated) for what is
    /// refused or missing; UsageError for a seed that is no base32.
    Tokens sign_in();

    /// Trades the refresh token for new ones; nothing when the server does not. Their refresh token
    /// is used up either way.
    std::optional<Tokens> refresh(const Tokens& old);

  private:
    struct Challenge;

    std::string who() const;
    net::ClientResponse post(const char* endpoint, const text::FormFields& fields,
                             const std::string& token = {});
    net::ClientResponse login();
    Tokens sign_in_with_password();
    Tokens sign_in_with_shared_secret();
    net::ClientResponse complete_second_factor(const Challenge& challenge, const std::string& code);
    std::string code(WallTime not_before);
    std::string ask_for_code();
    WallTime wait_for_next_code();
    Tokens granted(const net::ClientResponse& response, WallTime asked_at);
    Error refused(const net::ClientResponse& response) const;

    net::HttpClient& http_;
    Server server_;
    Credentials credentials_;
    SignInSupport support_;
    const Diagnostics& diagnostics_;
};

}  // namespace pwh::preservica
