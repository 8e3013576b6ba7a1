// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/diagnostics.hpp"
#include "net/http_client.hpp"
#include "preservica/authenticator.hpp"
#include "preservica/server.hpp"
#include "preservica/tokens.hpp"

namespace pwh::preservica {

/// Signs in when the first call needs it, unless `keeper` holds tokens that do, and sends each call
/// with the access token. A 401 on a call means an expired token: it gets another and repeats that
/// call. Source: protocol.md §1 (Preservica's accesstoken API; pyPreservica's common.py).
/// Throws TransportError, and what Authenticator::sign_in() throws.
class Session {
  public:
    /// `keeper` may be null: then every session signs in.
    Session(net::HttpClient& http, Server server, Credentials credentials, SignInSupport support,
            TokenKeeper* keeper, const Diagnostics& diagnostics);

    const Server& server() const { return authenticator_.server(); }

    /// The tenant: as set, or as the login answered. Signs in where it isn't known yet.
    const std::string& tenant();
    /// The same, without a request: empty where it isn't known yet.
    const std::string& known_tenant() const;

    /// Sends a call to `path` (from the root) with the token. Any status but 401 is returned as it
    /// is.
    net::ClientResponse call(net::ClientRequest request, const std::string& path);

  private:
    enum class Renewal { cheapest, sign_in };

    void start();
    void replace_kept(Tokens kept);
    bool renew(Renewal how);
    void sign_in();
    bool adopt_refreshed(const Tokens& old);
    void adopt(Tokens tokens);
    void forget();
    TokenKeeper::Turn take_turn();

    net::HttpClient& http_;
    Authenticator authenticator_;
    TokenKeeper* keeper_;
    const Diagnostics& diagnostics_;
    Tokens tokens_;
    std::string tenant_;
};

}  // namespace pwh::preservica
