// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "net/url.hpp"

namespace pwh::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ClientRequest {
    std::string method = "GET";
    std::string url;
    Headers headers;
    std::string body;
    /// Send the body with `Transfer-Encoding: chunked`, in one chunk, as Preservica does.
    bool chunked = false;
};

struct ClientResponse {
    long status = 0;
    Headers headers;
    std::string body;

    /// The first header of that name, in any case; empty when there is none.
    std::string_view header(std::string_view name) const;
};

/// No usable answer came. `sent` tells whether the request may have reached the server.
class TransportError : public Error {
  public:
    enum class Kind { resolve, connect, tls, timeout, too_large, broken, proxy, cancelled };

    TransportError(Kind kind, bool sent, const std::string& message, std::string hint = {})
        : Error(ExitCode::unavailable, message, std::move(hint)), kind_(kind), sent_(sent) {}

    Kind kind() const noexcept { return kind_; }
    bool sent() const noexcept { return sent_; }

  private:
    Kind kind_;
    bool sent_;
};

/// The boundary to HTTP servers; tests put a recording fake in its place.
class HttpClient {
  public:
    HttpClient() = default;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    virtual ~HttpClient() = default;

    /// One exchange, without following redirects. Any status is an answer. Throws TransportError.
    /// One object serves one thread at a time, and keeps its connection open between calls.
    virtual ClientResponse perform(const ClientRequest& request) = 0;
};

struct ClientOptions {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds request_timeout{60'000};
    std::string ca_file;  ///< empty: the system's
    std::size_t max_response_bytes = 64U << 20U;
    /// Told of each exchange, before it and after it; the texts hold everything, secrets too, and
    /// have to be redacted by the receiver of the call.
    std::function<void(const ClientRequest&)> on_request;
    std::function<void(const ClientResponse&)> on_response;
    /// Asked at least once a second while an exchange goes on, and when a signal comes; true gives
    /// it up with a TransportError of the kind `cancelled`.
    std::function<bool()> cancelled;
};

/// The environment variable whose proxy libcurl uses for `url`; empty when it uses none.
std::string proxy_variable(const Url& url, const Environment& environment);

/// The real thing, on libcurl.
std::unique_ptr<HttpClient> make_http_client(ClientOptions options);

}  // namespace pwh::net
