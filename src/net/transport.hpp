// SPDX-License-Identifier: Apache-2.0
// For the network folder itself: the bytes of a connection, in the clear or under TLS.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pwh::net {

/// A non-blocking stream over a socket's descriptor, which stays the caller's.
class Transport {
  public:
    struct Result {
        enum class Kind { done, wait_readable, wait_writable, closed };
        Kind kind = Kind::done;
        std::size_t size = 0;
        /// Of a read: what had come is read, but for an end or an error, and but for the rest of
        /// what was sent with an urgent mark or a descriptor in it, which no request is.
        bool drained = false;
    };

    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    /// `size` is at least 16 KiB, a TLS record, so that nothing is kept that the descriptor does
    /// not show.
    virtual Result read(char* to, std::size_t size) = 0;
    virtual Result write(const char* from, std::size_t size) = 0;
    /// Says that nothing more is sent.
    virtual void end_sending() = 0;
    /// False while a handshake goes on.
    virtual bool established() const { return true; }
};

std::unique_ptr<Transport> plain_transport(int fd);

/// A server's certificate and key, from which each new connection is made. Connections keep theirs
/// when a new one is taken into use.
class TlsContext {
  public:
    /// Reads the files (PEM). TLS 1.2 and later. Throws UsageError that says which file is wrong,
    /// and how.
    TlsContext(const std::string& certificate_file, const std::string& key_file);
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    std::unique_ptr<Transport> transport(int fd) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pwh::net
