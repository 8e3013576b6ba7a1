// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <list>

#include "base/error.hpp"
#include "net/http_connection.hpp"
#include "net/transport.hpp"
#include "text/time.hpp"

namespace pwh::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;

namespace {

constexpr std::chrono::milliseconds tick{500};
constexpr std::chrono::milliseconds accept_pause{100};
/// How many that are only told "no room" may be open beside the connections.
constexpr std::size_t turned_away_at_once = 64;
/// How many idle connections a new one may cost a look at.
constexpr std::size_t most_looked_at = 32;

/// A socket that listens, and Asio's hold on a duplicate of it: each closes its own.
struct Acceptor {
    Acceptor(asio::io_context& context, ListenSocket listen_socket)
        : socket(std::move(listen_socket)), acceptor(context) {
        UniqueFd duplicate(::fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0));
        if (!duplicate) throw Error(ExitCode::failure, "cannot listen: " + errno_text(errno));
        acceptor.assign(Protocol(socket.family(), 0), duplicate.get());
        duplicate.release();
    }

    ListenSocket socket;
    asio::basic_socket_acceptor<Protocol> acceptor;
    EventLoop::Timer retry;
};

}  // namespace

class HttpServer::Implementation : public std::enable_shared_from_this<HttpServer::Implementation> {
  public:
    Implementation(EventLoop& loop, RequestHandler& handler, const ServerLimits& limits)
        : loop_(loop), pool_(loop, handler, limits) {}

    void listen(ListenSocket socket);
    void drain();
    void close_all();
    void end();

    std::shared_ptr<const TlsContext> tls;
    std::string authority;

    std::size_t busy() const { return pool_.busy.size(); }
    std::size_t connections() const { return pool_.busy.size() + pool_.idle.size(); }

  private:
    void accept(Acceptor& acceptor);
    void on_accept(Acceptor& acceptor, error_code error, Protocol::socket socket);
    void enter(Protocol::socket socket);
    bool displace_idle();
    void on_tick();
    template <typename Visit>
    void each_connection(Visit visit);

    EventLoop& loop_;
    std::list<Acceptor> acceptors_;
    bool accepting_ = true;
    ConnectionPool pool_;
    EventLoop::Timer ticker_;
};

void HttpServer::Implementation::listen(ListenSocket socket) {
    if (acceptors_.empty()) {
        authority = socket.authority();
        pool_.date = text::http_date(std::chrono::system_clock::now());
        ticker_ = loop_.every(tick, [this] { on_tick(); });
    }
    accept(acceptors_.emplace_back(loop_.context(), std::move(socket)));
}

void HttpServer::Implementation::accept(Acceptor& acceptor) {
    acceptor.acceptor.async_accept(
        [self = shared_from_this(), &acceptor](error_code error, Protocol::socket socket) {
            if (self->accepting_) self->on_accept(acceptor, error, std::move(socket));
        });
}

void HttpServer::Implementation::on_accept(Acceptor& acceptor, error_code error,
                                           Protocol::socket socket) {
    if (error) {
        // Out of descriptors or memory: one idle connection less, and no spinning.
        displace_idle();
        acceptor.retry = loop_.after(accept_pause, [this, &acceptor] { accept(acceptor); });
        return;
    }
    enter(std::move(socket));
    accept(acceptor);
}

void HttpServer::Implementation::enter(Protocol::socket socket) {
    error_code failed;
    socket.non_blocking(true, failed);
    if (failed) return;
    UniqueFd own(socket.release(failed));
    if (failed) return;
    const int fd = own.get();
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on);  // of no use to a Unix socket, and no harm
    const bool room = connections() < pool_.limits.connections || displace_idle();
    if (!room && connections() >= pool_.limits.connections + turned_away_at_once) return;
    auto transport = tls ? tls->transport(fd) : plain_transport(fd);
    const auto connection =
        std::make_shared<Connection>(pool_, std::move(own), std::move(transport), peer_name(fd));
    if (room) {
        connection->start();
    } else {
        connection->turn_away();
    }
}

/// Closes the connection that has idled longest, but none whose request has come and is yet to be
/// read. False where that leaves none.
bool HttpServer::Implementation::displace_idle() {
    std::size_t looked_at = 0;
    for (const auto& connection : pool_.idle) {
        if (++looked_at > most_looked_at) break;
        if (connection->has_input()) continue;
        connection->close();
        return true;
    }
    return false;
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
    accepting_ = false;
    acceptors_.clear();
    pool_.draining = true;
    while (!pool_.idle.empty()) pool_.idle.front()->close();
}

void HttpServer::Implementation::close_all() {
    each_connection([](Connection& connection) { connection.close(); });
}

void HttpServer::Implementation::end() {
    accepting_ = false;
    close_all();
    acceptors_.clear();
    ticker_ = {};
}

HttpServer::HttpServer(EventLoop& loop, RequestHandler& handler, const ServerLimits& limits)
    : implementation_(std::make_shared<Implementation>(loop, handler, limits)) {}

HttpServer::~HttpServer() {
    implementation_->end();
}

void HttpServer::listen(ListenSocket socket) {
    implementation_->listen(std::move(socket));
}
void HttpServer::use_tls(std::shared_ptr<const TlsContext> tls) {
    implementation_->tls = std::move(tls);
}
std::string HttpServer::authority() const {
    return implementation_->authority;
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
