// SPDX-License-Identifier: Apache-2.0
// For the network folder itself: one connection of an HttpServer.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "net/http_server.hpp"
#include "net/poller.hpp"
#include "net/transport.hpp"

namespace pwh::net {

class Connection;

/// What the connections of a server share. Idle ones stand in the order in which they became idle.
struct ConnectionPool {
    using List = std::list<std::shared_ptr<Connection>>;

    Poller poller;
    RequestHandler& handler;
    ServerLimits limits;
    List idle;
    List busy;
    std::size_t body_bytes = 0;
    bool draining = false;
    std::string date;  ///< a Date field's value, renewed by the server
    std::array<char, 65536> scratch;

    ConnectionPool(EventLoop& loop, RequestHandler& h, const ServerLimits& l)
        : poller(loop), handler(h), limits(l), scratch() {}
};

/// Reads a request, has it answered, and goes on to the next: one at a time, so that what a client
/// sends ahead waits in its socket. Reads into the pool's buffer; a connection that idles owns
/// almost nothing.
class Connection final : public Reply::Target,
                         public Poller::Watcher,
                         public std::enable_shared_from_this<Connection> {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// The transport works on the socket's descriptor.
    Connection(ConnectionPool& pool, UniqueFd socket, std::unique_ptr<Transport> transport,
               std::string peer);
    ~Connection() override;

    /// Enters the pool and waits for a request.
    void start();
    /// Enters the pool only to say that there is no room.
    void turn_away();
    /// Ends what has taken too long.
    void check_deadline(Time now);
    /// Whether bytes have come that are not read yet.
    bool has_input();
    void close();

    void on_ready(const Poller::Ready& ready) override;
    void answer(std::uint64_t request, const Response& response) override;
    const std::string& peer() const override { return peer_; }

  private:
    enum class State { idle, reading, waiting, writing, lingering, closed };

    bool enter(ConnectionPool::List& list);
    void read_on();
    bool wants_input() const;
    void consume(std::string_view bytes);
    void run_out_of_memory();
    std::size_t process(std::string_view bytes);
    void begin_request();
    void on_head();
    void on_complete();
    bool charge_body();
    void refuse(Refusal refusal);
    void send(const Response& response);
    void write_out();
    void answered();
    void linger();
    void become(State state);
    void leave_pool();

    ConnectionPool& pool_;
    ConnectionPool::List::iterator place_;
    bool in_pool_ = false;
    UniqueFd socket_;
    std::unique_ptr<Transport> transport_;
    std::string peer_;
    RequestParser parser_;
    State state_ = State::idle;
    Time since_;           ///< when the state began; of a request, its first byte
    std::string pending_;  ///< received, not yet taken
    std::string out_;      ///< the answer, from out_sent_ on still to be sent
    std::size_t out_sent_ = 0;
    std::optional<Response> early_;
    std::size_t charged_ = 0;
    std::size_t lingered_ = 0;
    std::uint64_t request_ = 0;
    bool readable_ = false;  ///< a read may find something
    bool ended_ = false;     ///< reads have to go on to the end
    bool read_waits_for_room_ = false;
    bool processing_ = false;
    bool close_after_ = false;
    bool write_waits_ = false;  ///< since since_
};

}  // namespace pwh::net
