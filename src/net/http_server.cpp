// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>

#include "base/error.hpp"
#include "net/http_connection.hpp"
#include "net/url.hpp"
#include "text/time.hpp"

namespace pwh::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds tick{500};
constexpr std::chrono::milliseconds accept_pause{100};
/// How many that are only told "no room" may be open beside the connections.
constexpr std::size_t turned_away_at_once = 64;

std::string peer_name(const tcp::socket& socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    return error ? std::string("unknown") : join_host_port(peer.address().to_string(), peer.port());
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
    const auto parsed = parse_host_port(text);
    if (!parsed || !parsed->port) {
        throw UsageError(
            fmt::format("'{}' is not an address to listen on", text),
            "write ADDRESS:PORT, for instance 127.0.0.1:8080, or port 0 for any that is free");
    }
    return {parsed->host, *parsed->port};
}

class HttpServer::Implementation : public std::enable_shared_from_this<HttpServer::Implementation> {
  public:
    Implementation(EventLoop& loop, RequestHandler& handler, const ServerLimits& limits)
        : loop_(loop), acceptor_(loop.context()), pool_(handler, limits) {}

    void listen(const ListenAddress& address);
    void drain();
    void close_all();
    void end();

    tcp::endpoint local;

    std::size_t busy() const { return pool_.busy.size(); }
    std::size_t connections() const { return pool_.busy.size() + pool_.idle.size(); }

  private:
    void accept();
    void on_accept(error_code error, tcp::socket socket);
    void on_tick();
    template <typename Visit>
    void each_connection(Visit visit);

    EventLoop& loop_;
    tcp::acceptor acceptor_;
    ConnectionPool pool_;
    EventLoop::Timer ticker_;
    EventLoop::Timer accept_retry_;
};

void HttpServer::Implementation::listen(const ListenAddress& address) {
    const auto where = join_host_port(address.host, address.port);
    error_code error;
    tcp::resolver resolver(loop_.context());
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
    if (error || found.empty()) {
        throw UsageError(fmt::format("cannot listen on {}: there is no such address", where),
                         "use an address of this machine, for instance 127.0.0.1");
    }
    const tcp::endpoint endpoint = *found.begin();
    acceptor_.open(endpoint.protocol(), error);
    // A command that pwh runs must not keep the port.
    if (!error) ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(4096, error);
    if (error == asio::error::address_in_use) {
        throw Error(ExitCode::failure,
                    fmt::format("cannot listen on {}: another program uses this port", where),
                    "stop that program, or choose another port (0 is any that is free)");
    }
    if (error == asio::error::access_denied) {
        throw Error(ExitCode::failure, fmt::format("cannot listen on {}: not allowed", where),
                    "ports below 1024 belong to root; use a higher one behind a reverse proxy");
    }
    if (error) {
        throw UsageError(fmt::format("cannot listen on {}: {}", where, error.message()),
                         "use an address of this machine, for instance 127.0.0.1");
    }
    local = acceptor_.local_endpoint(error);
    pool_.date = text::http_date(std::chrono::system_clock::now());
    ticker_ = loop_.every(tick, [this] { on_tick(); });
    accept();
}

void HttpServer::Implementation::accept() {
    acceptor_.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
        self->on_accept(error, std::move(socket));
    });
}

void HttpServer::Implementation::on_accept(error_code error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
        // Out of descriptors or memory: one idle connection less, and no spinning.
        if (!pool_.idle.empty()) pool_.idle.front()->close();
        accept_retry_ = loop_.after(accept_pause, [this] { accept(); });
        return;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto peer = peer_name(socket);
    if (connections() >= pool_.limits.connections && !pool_.idle.empty())
        pool_.idle.front()->close();
    const bool room = connections() < pool_.limits.connections;
    if (room || connections() < pool_.limits.connections + turned_away_at_once) {
        const auto connection =
            std::make_shared<Connection>(pool_, std::move(socket), std::move(peer));
        if (room) {
            connection->start();
        } else {
            connection->turn_away();
        }
    }
    accept();
}

template <typename Visit>
void HttpServer::Implementation::each_connection(Visit visit) {
    for (auto* list : {&pool_.idle, &pool_.busy}) {
        for (auto at = list->begin(); at != list->end();) {
            const auto connection = *at++;  // the visit may take it out of the list
            visit(*connection);
        }
    }
}

void HttpServer::Implementation::on_tick() {
    pool_.date = text::http_date(std::chrono::system_clock::now());
    const auto now = std::chrono::steady_clock::now();
    each_connection([now](Connection& connection) { connection.check_deadline(now); });
}

void HttpServer::Implementation::drain() {
    error_code ignored;
    acceptor_.close(ignored);
    pool_.draining = true;
    while (!pool_.idle.empty()) pool_.idle.front()->close();
}

void HttpServer::Implementation::close_all() {
    each_connection([](Connection& connection) { connection.close(); });
}

void HttpServer::Implementation::end() {
    error_code ignored;
    acceptor_.close(ignored);
    close_all();
    ticker_ = {};
    accept_retry_ = {};
}

HttpServer::HttpServer(EventLoop& loop, RequestHandler& handler, const ServerLimits& limits)
    : implementation_(std::make_shared<Implementation>(loop, handler, limits)) {}

HttpServer::~HttpServer() {
    implementation_->end();
}

void HttpServer::listen(const ListenAddress& address) {
    implementation_->listen(address);
}

std::string HttpServer::authority() const {
    const auto& local = implementation_->local;
    return join_host_port(local.address().to_string(), local.port());
}

void HttpServer::drain() {
    implementation_->drain();
}
std::size_t HttpServer::busy() const {
    return implementation_->busy();
}
std::size_t HttpServer::connections() const {
    return implementation_->connections();
}
void HttpServer::close_all() {
    implementation_->close_all();
}

}  // namespace pwh::net
