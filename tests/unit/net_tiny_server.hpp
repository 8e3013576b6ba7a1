// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace pwh::net::fake {

/// One connection of the server below.
class Connection {
  public:
    explicit Connection(int fd) : fd_(fd) {}

    /// Reads until `end` has come; false at the end of the connection.
    bool read_until(const std::string& end) {
        char chunk[4096];
        while (received.find(end) == std::string::npos) {
            const auto n = ::recv(fd_, chunk, sizeof chunk, 0);
            if (n <= 0) return false;
            received.append(chunk, static_cast<std::size_t>(n));
        }
        return true;
    }
    bool send(const std::string& text) {
        return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    /// Waits until the client hangs up.
    void wait_for_end() {
        char byte = 0;
        while (::recv(fd_, &byte, 1, 0) > 0) continue;
    }

    std::string received;

  private:
    int fd_;
};

/// Serves one connection after the other with `serve`, on a free port of the loopback.
class TinyServer {
  public:
    using Serve = std::function<void(Connection&)>;

    explicit TinyServer(Serve serve) : serve_(std::move(serve)) {
        listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listener_.get(), generic, length) == 0);
        REQUIRE(::listen(listener_.get(), 16) == 0);
        REQUIRE(::getsockname(listener_.get(), generic, &length) == 0);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    TinyServer(const TinyServer&) = delete;
    TinyServer& operator=(const TinyServer&) = delete;
    ~TinyServer() { stop(); }

    /// After this, what it received is complete, and its port refuses.
    void stop() {
        if (!thread_.joinable()) return;
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
        listener_.reset();
    }

    std::string url(const std::string& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port) + path;
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port); }

    std::uint16_t port = 0;
    std::vector<std::string> received;  ///< what each connection sent; valid after stop()

  private:
    void run() {
        for (;;) {
            const pwh::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd) return;
            Connection connection(fd.get());
            serve_(connection);
            received.push_back(connection.received);
        }
    }

    Serve serve_;
    pwh::UniqueFd listener_;
    std::thread thread_;
};

}  // namespace pwh::net::fake
