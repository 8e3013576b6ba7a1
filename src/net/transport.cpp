// SPDX-License-Identifier: Apache-2.0
#include "net/transport.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/error.hpp"

namespace pwh::net {

namespace {

using Result = Transport::Result;
using Kind = Transport::Result::Kind;

class PlainTransport final : public Transport {
  public:
    explicit PlainTransport(int fd) : fd_(fd) {}

    Result read(char* to, std::size_t size) override {
        auto got = result(::recv(fd_, to, size, 0), Kind::wait_readable);
        got.drained = got.size < size;
        return got;
    }
    Result write(const char* from, std::size_t size) override {
        return result(::send(fd_, from, size, MSG_NOSIGNAL), Kind::wait_writable);
    }
    void end_sending() override { ::shutdown(fd_, SHUT_WR); }

  private:
    static Result result(ssize_t n, Kind wait) {
        if (n > 0) return {Kind::done, static_cast<std::size_t>(n), false};
        const bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        return {again ? wait : Kind::closed};
    }

    int fd_;
};

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

int clamp(std::size_t size) {
    return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

class TlsTransport final : public Transport {
  public:
    TlsTransport(SSL_CTX* context, int fd) : fd_(fd), ssl_(SSL_new(context)) {
        if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1)
            throw Error(ExitCode::failure, "OpenSSL has no room for a connection");
        SSL_set_accept_state(ssl_.get());
    }

    Result read(char* to, std::size_t size) override {
        ERR_clear_error();
        return result(SSL_read(ssl_.get(), to, clamp(size)));
    }
    Result write(const char* from, std::size_t size) override {
        ERR_clear_error();
        return result(SSL_write(ssl_.get(), from, clamp(size)));
    }
    void end_sending() override {
        ERR_clear_error();
        if (established() && !failed_) SSL_shutdown(ssl_.get());
        ::shutdown(fd_, SHUT_WR);
    }
    bool established() const override { return SSL_is_init_finished(ssl_.get()) == 1; }

  private:
    Result result(int n) {
        if (n > 0) return {Kind::done, static_cast<std::size_t>(n), false};
        switch (SSL_get_error(ssl_.get(), n)) {
            case SSL_ERROR_WANT_READ:
                return {Kind::wait_readable};
            case SSL_ERROR_WANT_WRITE:
                return {Kind::wait_writable};
            case SSL_ERROR_ZERO_RETURN:
                return {Kind::closed};
            default:
                failed_ = true;
                return {Kind::closed};
        }
    }

    int fd_;
    std::unique_ptr<SSL, SslFree> ssl_;
    bool failed_ = false;
};

std::string openssl_reason() {
    const auto* text = ERR_reason_error_string(ERR_peek_last_error());
    return text == nullptr ? "it can't be read" : text;
}

/// A key that asks for a passphrase would stop a service at its start.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

}  // namespace

std::unique_ptr<Transport> plain_transport(int fd) {
    return std::make_unique<PlainTransport>(fd);
}

struct TlsContext::State {
    std::unique_ptr<SSL_CTX, ContextFree> context;
};

TlsContext::TlsContext(const std::string& certificate_file, const std::string& key_file)
    : state_(std::make_unique<State>()) {
    ERR_clear_error();
    state_->context.reset(SSL_CTX_new(TLS_server_method()));
    auto* context = state_->context.get();
    if (context == nullptr) throw Error(ExitCode::failure, "OpenSSL can't be used for TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
        throw UsageError(
            fmt::format("--tls-cert {}: {}", certificate_file, openssl_reason()),
            "it has to be the certificate in PEM, followed by those between it and the authority");
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
            throw UsageError(fmt::format("--tls-key {} is not the key of --tls-cert {}", key_file,
                                         certificate_file),
                             "give the key that the certificate was made with");
        }
        throw UsageError(fmt::format("--tls-key {}: {}", key_file, openssl_reason()),
                         "it has to be the certificate's private key in PEM, without a passphrase");
    }
}

TlsContext::~TlsContext() = default;

std::unique_ptr<Transport> TlsContext::transport(int fd) const {
    return std::make_unique<TlsTransport>(state_->context.get(), fd);
}

}  // namespace pwh::net
