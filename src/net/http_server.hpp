// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/event_loop.hpp"
#include "net/listen_socket.hpp"
#include "net/request_parser.hpp"

namespace pwh::net {

class TlsContext;

struct Response {
    unsigned status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool close = false;  ///< end the connection after it
};

/// Answers one request, now or later, on the loop's thread. Copies answer the same request; the
/// first answer counts, and one to a connection that is gone is dropped. Where a client has sent
/// ahead, its next request reaches the handler before the call returns.
class Reply {
  public:
    class Target {
      public:
        Target() = default;
        Target(const Target&) = delete;
        Target& operator=(const Target&) = delete;
        virtual ~Target() = default;
        virtual void answer(std::uint64_t request, const Response& response) = 0;
        virtual const std::string& peer() const = 0;
    };

    Reply() = default;
    Reply(std::shared_ptr<Target> target, std::uint64_t request)
        : target_(std::move(target)), request_(request) {}

    void operator()(const Response& response) const {
        if (target_) target_->answer(request_, response);
    }
    /// Who asked, as ADDRESS:PORT. Only of a reply that on_request() was given.
    const std::string& peer() const { return target_->peer(); }

  private:
    std::shared_ptr<Target> target_;
    std::uint64_t request_ = 0;
};

/// What the server itself refused, for counts and logs.
enum class Refusal {
    framing,
    version,
    head_too_large,
    body_too_large,
    no_room,
    timeout,
    connections
};

/// What a server does with requests. Called on the loop's thread.
class RequestHandler {
  public:
    RequestHandler() = default;
    RequestHandler(const RequestHandler&) = delete;
    RequestHandler& operator=(const RequestHandler&) = delete;
    virtual ~RequestHandler() = default;

    /// The head is in. An answer here is final: the body is read, within its limit, and dropped.
    virtual std::optional<Response> on_head(const RequestHead& head, const std::string& peer) = 0;
    /// The whole request is in; `body` may be moved from. Every request has to be answered through
    /// `reply`.
    virtual void on_request(const RequestHead& head, std::string& body, Reply reply) = 0;
    virtual void on_refused(Refusal, const std::string& /*peer*/) {}
};

struct ServerLimits {
    RequestParser::Limits request;
    std::size_t total_body_bytes =
        64U << 20U;  ///< all bodies that are being read or wait for an answer
    std::size_t connections = 1000;
    std::chrono::milliseconds head_time{10'000};     ///< from a request's first byte
    std::chrono::milliseconds request_time{30'000};  ///< from a request's first byte
    std::chrono::milliseconds idle_time{60'000};
    std::chrono::milliseconds write_time{30'000};
    std::chrono::milliseconds linger_time{2'000};
};

/// An HTTP/1.1 server for many connections on one loop.
class HttpServer {
  public:
    HttpServer(EventLoop& loop, RequestHandler& handler, const ServerLimits& limits);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    /// Binds and accepts; may be called for several addresses. Throws what ListenSocket::open()
    /// throws.
    void listen(const ListenAddress& address) { listen(ListenSocket::open(address)); }
    void listen(ListenSocket socket);
    /// New connections are under TLS from now on, with this certificate.
    void use_tls(std::shared_ptr<const TlsContext> tls);
    /// The first bound address with its port, as in a URL: `127.0.0.1:8080`; `unix:PATH` of a Unix
    /// socket.
    std::string authority() const;

    /// No new connections; idle ones are closed, and the others after their answer.
    void drain();
    /// Requests that are being read or wait for an answer, and answers on their way out.
    std::size_t busy() const;
    std::size_t connections() const;
    /// Ends every connection at once.
    void close_all();

  private:
    class Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace pwh::net
