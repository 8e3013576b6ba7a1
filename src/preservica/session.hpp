// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/diagnostics.hpp"
#include "net/http_client.hpp"

namespace pwh::preservica {

struct Server {
    std::string protocol = "https";
    std::string address;  ///< HOST or HOST:PORT, as set

    std::string base_url() const { return protocol + "://" + address; }
    /// What secrets and tokens are kept under: lower case, the protocol's own port left out.
    std::string key() const;
};

struct Credentials {
    std::string username;
    std::optional<std::string> password;  ///< nothing: `ask_password` is called
    std::optional<std::string> tenant;    ///< nothing: the login finds it out
};

/// Signs in when the first call needs it, and sends each call with its token. A 401 on a call means
/// an expired token: it signs in afresh and repeats that call once.
/// Source: protocol.md §1 (Preservica's accesstoken API; pyPreservica's common.py).
/// Throws TransportError; Error(unauthenticated) for refused credentials.
class Session {
  public:
    using AskPassword = std::function<std::string()>;

    Session(net::HttpClient& http, Server server, Credentials credentials, AskPassword ask_password,
            const Diagnostics& diagnostics);

    const Server& server() const { return server_; }

    /// The tenant: as set, or as the login answered. Signs in where it isn't known yet.
    const std::string& tenant();

    /// Sends a call to `path` (from the root) with the token. Any status but 401 is returned as it
    /// is.
    net::ClientResponse call(net::ClientRequest request, const std::string& path);

  private:
    void sign_in();
    void take_login(const net::ClientResponse& response, const std::string& who);

    net::HttpClient& http_;
    Server server_;
    Credentials credentials_;
    AskPassword ask_password_;
    const Diagnostics& diagnostics_;
    std::string token_;
    std::string tenant_;
};

}  // namespace pwh::preservica
