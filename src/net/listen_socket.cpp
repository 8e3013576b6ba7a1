// SPDX-License-Identifier: Apache-2.0
#include "net/listen_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "net/url.hpp"

namespace pwh::net {

namespace {

constexpr int backlog = 4096;
constexpr mode_t unix_mode = 0660;
constexpr std::string_view unix_scheme = "unix:";

const sockaddr* generic(const sockaddr_storage& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}
sockaddr* generic(sockaddr_storage& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

std::string address_host(const sockaddr_storage& address) {
    std::array<char, NI_MAXHOST> host{};
    const auto length = address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    if (::getnameinfo(generic(address), static_cast<socklen_t>(length), host.data(), host.size(),
                      nullptr, 0, NI_NUMERICHOST) != 0) {
        return "unknown";
    }
    return host.data();
}

std::uint16_t address_port(const sockaddr_storage& address) {
    in_port_t port = 0;  // at the same place in both families' addresses
    std::memcpy(&port, reinterpret_cast<const char*>(&address) + offsetof(sockaddr_in, sin_port),
                sizeof port);
    return ntohs(port);
}

[[noreturn]] void cannot_listen(const std::string& where, int error) {
    const auto message = fmt::format("cannot listen on {}: ", where);
    if (error == EADDRINUSE) {
        throw Error(ExitCode::failure, message + "another program uses this address",
                    "stop that program, or choose another port (0 is any that is free)");
    }
    if (error == EACCES || error == EPERM) {
        throw Error(ExitCode::failure, message + "not allowed",
                    "ports below 1024 and others' folders need root; use a higher port behind a "
                    "reverse proxy");
    }
    throw UsageError(message + errno_text(error),
                     "use an address of this machine, for instance 127.0.0.1");
}

UniqueFd bind_tcp(const ListenAddress& address) {
    const auto where = join_host_port(address.host, address.port);
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted,
                      &found) != 0) {
        throw UsageError(fmt::format("cannot listen on {}: there is no such address", where),
                         "use an address of this machine, for instance 127.0.0.1");
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
        ::listen(fd.get(), backlog) != 0) {
        cannot_listen(where, errno);
    }
    return fd;
}

/// Removes the file of a socket that nobody listens on; throws where somebody does, or it is no
/// socket.
void clear_stale(const std::string& path, const sockaddr_un& address) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;
    const auto where = fmt::format("cannot listen on unix:{}: ", path);
    if (!S_ISSOCK(info.st_mode)) {
        throw Error(ExitCode::failure, where + "there is a file that is no socket",
                    "choose another path");
    }
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int result =
        ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (result == 0 || errno != ECONNREFUSED) {
        throw Error(ExitCode::failure, where + "another program uses it",
                    "stop that program, or choose another path");
    }
    ::unlink(path.c_str());
}

UniqueFd bind_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw UsageError(fmt::format("unix:{} is too long a path for a socket", path),
                         fmt::format("at most {} bytes", sizeof address.sun_path - 1));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    clear_stale(path, address);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), unix_mode) != 0 || ::listen(fd.get(), backlog) != 0) {
        cannot_listen("unix:" + path, errno);
    }
    return fd;
}

unsigned long long inode_of(const std::string& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
    ListenAddress address;
    if (text.starts_with(unix_scheme)) {
        address.unix_path = text.substr(unix_scheme.size());
        if (address.unix_path.empty() || address.unix_path.find('\0') != std::string::npos) {
            throw UsageError("unix: needs a path", "for instance unix:/run/pwh/listen.sock");
        }
        return address;
    }
    const auto parsed = parse_host_port(text);
    if (!parsed || !parsed->port) {
        throw UsageError(fmt::format("'{}' is not an address to listen on", text),
                         "write ADDRESS:PORT, for instance 127.0.0.1:8080, port 0 for any that is "
                         "free, or unix:PATH");
    }
    address.host = parsed->host;
    address.port = *parsed->port;
    return address;
}

ListenSocket::ListenSocket(UniqueFd fd) : fd_(std::move(fd)) {
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    if (::getsockname(fd_.get(), generic(local), &length) != 0) {
        throw Error(ExitCode::failure, "cannot tell a socket's address: " + errno_text(errno));
    }
    family_ = local.ss_family;
    if (family_ == AF_UNIX) {
        const auto* path = reinterpret_cast<const sockaddr_un*>(&local)->sun_path;
        authority_ = fmt::format("unix:{}", path);
    } else {
        host_ = address_host(local);
        authority_ = join_host_port(host_, address_port(local));
    }
}

ListenSocket ListenSocket::open(const ListenAddress& address) {
    if (!address.is_unix()) return ListenSocket(bind_tcp(address));
    ListenSocket socket(bind_unix(address.unix_path));
    socket.bound_path_ = address.unix_path;
    socket.bound_inode_ = inode_of(address.unix_path);
    return socket;
}

ListenSocket ListenSocket::adopt(int fd) {
    int listens = 0;
    int type = 0;
    socklen_t length = sizeof listens;
    const bool is_listener =
        ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0;
    length = sizeof type;
    if (!is_listener || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
        type != SOCK_STREAM) {
        throw UsageError(
            fmt::format("descriptor {}, passed by systemd, is no stream socket that listens", fd),
            "use ListenStream= and Accept=no in the socket unit");
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return ListenSocket(UniqueFd(fd));
}

ListenSocket::~ListenSocket() {
    if (!bound_path_.empty() && inode_of(bound_path_) == bound_inode_)
        ::unlink(bound_path_.c_str());
}

std::vector<int> passed_sockets(const Environment& environment) {
    const auto number = [&](const char* name) {
        const auto text = environment(name).value_or("");
        long value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    };
    constexpr int first = 3;
    constexpr long most = 1024;
    std::vector<int> sockets;
    if (number("LISTEN_PID") != ::getpid()) return sockets;
    for (long i = 0; i < std::min(number("LISTEN_FDS"), most); ++i)
        sockets.push_back(first + static_cast<int>(i));
    return sockets;
}

std::string peer_name(int fd) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, generic(peer), &length) != 0) return "unknown";
    if (peer.ss_family == AF_UNIX) return "the unix socket";
    return join_host_port(address_host(peer), address_port(peer));
}

}  // namespace pwh::net
