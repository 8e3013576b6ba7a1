// SPDX-License-Identifier: Apache-2.0
// A load of distinct, signed, chunked events over keep-alive connections. Everything is signed
// before the clock starts, so that the generator costs little; what it costs is printed too. Prints
// one line of JSON.
//
//   pwh_load ADDRESS PORT SECRET_FILE COUNT CONNECTIONS EVENTS_PER_MESSAGE [SEED]
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "crypto/crypto.hpp"
#include "preservica/signature.hpp"
#include "text/hex.hpp"

namespace {

using Clock = std::chrono::steady_clock;

std::string event_json(std::uint64_t seed, std::size_t message, std::size_t event) {
    return fmt::format(
        R"({{"event":"FullTextIndexed","entityType":"IO","entityRef":"{:08x}-0000-4000-8000-{:012x}","identifiers":[{{"BatchId":"{}"}}]}})",
        static_cast<std::uint32_t>(seed), message, event);
}

/// `plain` is keyed with the same secret: adnanh/webhook checks an HMAC of the body alone.
std::string request(pwh::preservica::Signer& signer, pwh::crypto::HmacSha256& plain,
                    std::uint64_t seed, std::size_t message, std::size_t events) {
    std::string body =
        R"({"subscriptionId":"9495ddbf7d4a0b9f030a3411c87f967d","timestamp":"2023-10-11T10:52:42.469","tenant":"BRAMA","version":"6.10","events":[)";
    for (std::size_t i = 0; i < events; ++i) {
        if (i > 0) body += ',';
        body += event_json(seed, message, i);
    }
    body += R"(],"trigger":"FULL_TEXT_INDEXED"})";
    return fmt::format(
        "POST /preservica HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\nContent-Type: "
        "application/json\r\n"
        "Preservica-Signature: {}\r\nX-Body-Hmac: {}\r\nTransfer-Encoding: chunked\r\n\r\n"
        "{:x}\r\n{}\r\n0\r\n\r\n",
        signer.sign_event(body), pwh::text::to_hex(plain({body})), body.size(), body);
}

struct Connection {
    int fd = -1;
    std::size_t message = 0;  // the one under way
    std::size_t sent = 0;
    Clock::time_point since;
    std::string in;
};

int connect_to(const char* address, std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &to.sin_addr);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
        std::perror("connect");
        std::exit(1);
    }
    return fd;
}

/// The length of one answer at the start of `in`; 0 while it is not complete.
std::size_t answer_length(const std::string& in) {
    const auto end = in.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    const auto at = in.find("Content-Length: ");
    const std::size_t body =
        at == std::string::npos || at > end ? 0 : std::strtoull(in.c_str() + at + 16, nullptr, 10);
    return in.size() >= end + 4 + body ? end + 4 + body : 0;
}

class Load {
  public:
    Load(const char* address, std::uint16_t port, std::vector<std::string> requests,
         std::size_t connections)
        : address_(address),
          port_(port),
          requests_(std::move(requests)),
          connections_(connections) {
        latencies_.reserve(requests_.size());
    }

    void run() {
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        for (auto& connection : connections_) open(connection);
        started_ = Clock::now();
        for (auto& connection : connections_) next(connection);
        std::array<epoll_event, 256> events{};
        while (done_ < requests_.size()) {
            const int ready =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 30'000);
            if (ready == 0) {
                fmt::print(stderr, "no answer for 30 s\n");
                std::exit(1);
            }
            for (int i = 0; i < ready; ++i) {
                read(*static_cast<Connection*>(events.at(static_cast<std::size_t>(i)).data.ptr));
            }
        }
        seconds_ = std::chrono::duration<double>(Clock::now() - started_).count();
    }

    void report(std::size_t events) {
        std::sort(latencies_.begin(), latencies_.end());
        const auto at = [this](double part) {
            return latencies_[std::min(
                latencies_.size() - 1,
                static_cast<std::size_t>(part * static_cast<double>(latencies_.size())))];
        };
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        std::string statuses;
        for (const auto& [status, count] : statuses_)
            statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, count);
        fmt::print(
            R"({{"messages":{},"events":{},"seconds":{:.3f},"rate":{:.0f},"p50_us":{},"p99_us":{},"max_us":{},"load_cpu":{:.2f},"statuses":{{{}}}}})"
            "\n",
            requests_.size(), requests_.size() * events, seconds_,
            static_cast<double>(requests_.size()) / seconds_, at(0.5), at(0.99), latencies_.back(),
            (cpu_now() - cpu_at_start_) / seconds_, statuses);
    }

    static double cpu_now() {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto seconds = [](const timeval& t) {
            return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
        };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }

  private:
    void open(Connection& connection) {
        connection.fd = connect_to(address_, port_);
        connection.in.clear();
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &connection;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    }

    void next(Connection& connection) {
        if (next_ == requests_.size()) return;
        connection.message = next_++;
        send(connection);
    }

    void send(Connection& connection) {
        const auto& text = requests_[connection.message];
        connection.since = Clock::now();
        for (std::size_t sent = 0; sent < text.size();) {
            const auto n =
                ::send(connection.fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (n < 0) return again(connection);
            sent += static_cast<std::size_t>(n);
        }
    }

    /// A server may close a connection that it kept, as nginx does after so many requests.
    void again(Connection& connection) {
        ::close(connection.fd);
        open(connection);
        if (++reopened_ > requests_.size()) std::exit(1);
        send(connection);
    }

    void read(Connection& connection) {
        std::array<char, 65536> chunk{};
        const auto n = ::recv(connection.fd, chunk.data(), chunk.size(), 0);
        if (n <= 0) return again(connection);
        connection.in.append(chunk.data(), static_cast<std::size_t>(n));
        const auto length = answer_length(connection.in);
        if (length == 0) return;
        ++statuses_[connection.in.substr(9, 3)];
        const bool closes = connection.in.find("Connection: close") < length;
        connection.in.erase(0, length);
        latencies_.push_back(
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.since)
                .count());
        ++done_;
        if (closes) {
            ::close(connection.fd);
            open(connection);
        }
        next(connection);
    }

    const char* address_;
    std::uint16_t port_;
    std::vector<std::string> requests_;
    std::vector<Connection> connections_;
    std::vector<std::int64_t> latencies_;
    std::map<std::string, std::size_t> statuses_;
    int epoll_ = -1;
    std::size_t next_ = 0;
    std::size_t done_ = 0;
    std::size_t reopened_ = 0;
    Clock::time_point started_;
    double seconds_ = 0;
    double cpu_at_start_ = cpu_now();
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 7) {
        fmt::print(stderr,
                   "usage: pwh_load ADDRESS PORT SECRET_FILE COUNT CONNECTIONS EVENTS_PER_MESSAGE "
                   "[SEED]\n");
        return 2;
    }
    std::ifstream file(argv[3]);
    std::string secret;
    std::getline(file, secret);
    const auto count = std::strtoull(argv[4], nullptr, 10);
    const auto events = std::strtoull(argv[6], nullptr, 10);
    const std::uint64_t seed = argc > 7 ? std::uint64_t{std::strtoull(argv[7], nullptr, 10)}
                                        : static_cast<std::uint64_t>(::getpid());
    pwh::preservica::Signer signer(secret);
    pwh::crypto::HmacSha256 plain(secret);
    std::vector<std::string> requests;
    requests.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        requests.push_back(request(signer, plain, seed, i, events));
    Load load(argv[1], static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)),
              std::move(requests), std::strtoull(argv[5], nullptr, 10));
    load.run();
    load.report(events);
    return 0;
}
