// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/file.hpp"

namespace pwh::net {

/// Where to listen: a TCP address, or a Unix socket's path.
struct ListenAddress {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::string unix_path;  ///< where it is set, host and port mean nothing

    bool is_unix() const { return !unix_path.empty(); }
};

/// Parses ADDR:PORT, [V6]:PORT or unix:PATH; throws UsageError that shows how one looks.
ListenAddress parse_listen_address(std::string_view text);

/// A socket that listens. One with a Unix path that it bound removes the file in the end, if it is
/// still its own.
class ListenSocket {
  public:
    /// Binds and listens. A Unix socket's file gets the mode 0660, and replaces one that nobody
    /// listens on any more. Throws UsageError for an address that is not this machine's,
    /// Error(failure) for one in use.
    static ListenSocket open(const ListenAddress& address);
    /// Takes a socket that was passed in. Throws UsageError for one that does not listen.
    static ListenSocket adopt(int fd);

    ListenSocket(ListenSocket&&) noexcept = default;
    ListenSocket& operator=(ListenSocket&&) = delete;
    ~ListenSocket();

    int fd() const { return fd_.get(); }
    int family() const { return family_; }
    /// As a URL has it, `127.0.0.1:8080`; of a Unix socket `unix:PATH`.
    const std::string& authority() const { return authority_; }
    /// The address's host; empty for a Unix socket.
    const std::string& host() const { return host_; }

  private:
    explicit ListenSocket(UniqueFd fd);

    UniqueFd fd_;
    int family_ = 0;
    std::string authority_;
    std::string host_;
    std::string bound_path_;
    unsigned long long bound_inode_ = 0;
};

/// The sockets that systemd passed to this process (sd_listen_fds(3)); empty when there are none.
std::vector<int> passed_sockets(const Environment& environment);

/// The text for a peer's address, for logs.
std::string peer_name(int fd);

}  // namespace pwh::net
