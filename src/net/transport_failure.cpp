// SPDX-License-Identifier: Apache-2.0
#include "net/transport_failure.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <string_view>

#include "net/curl_library.hpp"

namespace pwh::net {

namespace {

using Kind = TransportError::Kind;

std::string seconds(std::chrono::milliseconds time) {
    return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

/// As libcurl reads no_proxy, but for address ranges: this only chooses words.
bool excepted(std::string_view host, const std::string& list) {
    if (list == "*") return true;
    std::size_t start = 0;
    while ((start = list.find_first_not_of(", ", start)) != std::string::npos) {
        const auto end = list.find_first_of(", ", start);
        auto entry = std::string_view(list).substr(start, end - start);
        if (entry.starts_with('.')) entry.remove_prefix(1);
        if (host == entry || host.ends_with("." + std::string(entry))) return true;
        if (end == std::string::npos) break;
        start = end;
    }
    return false;
}

class Explainer {
  public:
    explicit Explainer(const FailedExchange& exchange)
        : exchange_(exchange), peer_(join_host_port(exchange.url.host, exchange.url.port)) {}

    TransportError explain(CURLcode code) const {
        if (exchange_.too_large) return too_large();
        if (exchange_.cancelled) return cancelled();
        if (exchange_.proxy_status >= 300) return proxy_refused();
        switch (code) {
            case CURLE_COULDNT_RESOLVE_HOST:
                return resolve();
            case CURLE_COULDNT_RESOLVE_PROXY:
            case CURLE_PROXY:
                return proxy_unreachable();
            case CURLE_COULDNT_CONNECT:
            case CURLE_INTERFACE_FAILED:
                return connect();
            case CURLE_OPERATION_TIMEDOUT:
                return timeout();
            case CURLE_PEER_FAILED_VERIFICATION:
            case CURLE_SSL_ISSUER_ERROR:
                return certificate();
            case CURLE_SSL_CACERT_BADFILE:
                return ca_file();
            case CURLE_SSL_CONNECT_ERROR:
            case CURLE_SSL_CIPHER:
            case CURLE_SSL_CERTPROBLEM:
            case CURLE_SSL_ENGINE_NOTFOUND:
            case CURLE_SSL_ENGINE_SETFAILED:
            case CURLE_SSL_ENGINE_INITFAILED:
            case CURLE_SSL_INVALIDCERTSTATUS:
            case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            case CURLE_SSL_CLIENTCERT:
            case CURLE_USE_SSL_FAILED:
                return handshake();
            default:
                return broken(code);
        }
    }

  private:
    TransportError error(Kind kind, const std::string& message, const std::string& hint) const {
        return {kind, exchange_.sent, message, hint};
    }

    TransportError too_large() const {
        return error(
            Kind::too_large,
            fmt::format("{} answered with more than {} bytes", peer_, exchange_.max_response_bytes),
            "check that this is the server you mean");
    }

    TransportError cancelled() const {
        return error(Kind::cancelled, fmt::format("the request to {} was given up", peer_), {});
    }

    TransportError resolve() const {
        return error(Kind::resolve, fmt::format("cannot find the address of {}", peer_),
                     "check the name (--server, or the URL) and this machine's DNS");
    }

    TransportError connect() const {
        if (!exchange_.proxy_variable.empty()) return proxy_unreachable();
        return error(
            Kind::connect,
            fmt::format("cannot connect to {}: the connection was refused, or there is no "
                        "way to it",
                        peer_),
            "check the name and the port (--server, or the URL), that the server runs, and "
            "the firewalls between");
    }

    TransportError timeout() const {
        if (exchange_.sent) {
            return error(Kind::timeout,
                         fmt::format("{} did not finish its answer within {}", peer_,
                                     seconds(exchange_.request_timeout)),
                         "give it more time with --request-timeout");
        }
        const auto limit = std::min(exchange_.connect_timeout, exchange_.request_timeout);
        const auto through =
            exchange_.proxy_variable.empty()
                ? std::string()
                : fmt::format(" through the proxy of {}", exchange_.proxy_variable);
        return error(Kind::timeout,
                     fmt::format("no connection to {}{} within {}", peer_, through, seconds(limit)),
                     "check the name and the port (--server, or the URL) and the firewalls "
                     "between, or give it "
                     "more time with --connect-timeout and --request-timeout");
    }

    TransportError proxy_unreachable() const {
        return error(Kind::proxy,
                     fmt::format("cannot reach the proxy that the way to {} goes through", peer_),
                     proxy_hint());
    }

    TransportError proxy_refused() const {
        return error(Kind::proxy,
                     fmt::format("the proxy did not let pwh connect to {} (status {})", peer_,
                                 exchange_.proxy_status),
                     proxy_hint());
    }

    std::string proxy_hint() const {
        if (exchange_.proxy_variable.empty()) return "check the proxy settings in the environment";
        return fmt::format(
            "check the proxy in the environment variable {}, or list the host in no_proxy",
            exchange_.proxy_variable);
    }

    TransportError certificate() const {
        const auto because = [this](std::string_view what, const std::string& hint) {
            return error(Kind::tls, fmt::format("the certificate of {} {}", peer_, what), hint);
        };
        switch (exchange_.verify_result) {
            // libcurl compares the names itself, and leaves these when only that failed.
            case X509_V_OK:
            case X509_V_ERR_UNSPECIFIED:
            case X509_V_ERR_HOSTNAME_MISMATCH:
                return because("is for another host name", "check the name (--server, or the URL)");
            case X509_V_ERR_CERT_HAS_EXPIRED:
                return because("has expired",
                               "its owner has to renew it; check this machine's clock as well");
            case X509_V_ERR_CERT_NOT_YET_VALID:
                return because("is not valid yet", "check this machine's clock");
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
            case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
                return because(
                    "was issued by an authority that this machine does not know",
                    "name the authority's certificate with --cacert FILE" + reading_proxy());
            default:
                return because(fmt::format("cannot be trusted: {}",
                                           X509_verify_cert_error_string(exchange_.verify_result)),
                               "name the authority's certificate with --cacert FILE, or have the "
                               "certificate replaced");
        }
    }

    std::string reading_proxy() const {
        if (exchange_.proxy_variable.empty()) return {};
        return fmt::format("; it may be that of the proxy that {} names", exchange_.proxy_variable);
    }

    TransportError ca_file() const {
        return error(Kind::tls,
                     exchange_.ca_file.empty()
                         ? std::string("cannot use this machine's certificates of authorities")
                         : fmt::format("no certificates can be read from {}", exchange_.ca_file),
                     exchange_.ca_file.empty() ? "install ca-certificates, or use --cacert FILE"
                                               : "check --cacert: the file has to be PEM");
    }

    TransportError handshake() const {
        return error(Kind::tls, fmt::format("no TLS connection (1.2 or later) to {}", peer_),
                     "check the port, and whether the server speaks https at all");
    }

    TransportError broken(CURLcode code) const {
        const auto what = [code]() -> std::string {
            switch (code) {
                case CURLE_GOT_NOTHING:
                    return "closed the connection without an answer";
                case CURLE_PARTIAL_FILE:
                case CURLE_RECV_ERROR:
                    return "broke the connection off before its answer was complete";
                case CURLE_SEND_ERROR:
                    return "broke the connection off while the request was sent";
                case CURLE_WEIRD_SERVER_REPLY:
                case CURLE_UNSUPPORTED_PROTOCOL:
                case CURLE_BAD_CONTENT_ENCODING:
                    return "answered with something that is not HTTP";
                case CURLE_ABORTED_BY_CALLBACK:
                    return "closed the connection while the request was under way";
                default:
                    return fmt::format("cannot be talked to: {}",
                                       curl_library().easy_strerror(code));
            }
        }();
        return error(Kind::broken, fmt::format("{} {}", peer_, what),
                     "try again; if it stays, check what runs on that port and what is between");
    }

    const FailedExchange& exchange_;
    std::string peer_;
};

}  // namespace

std::string proxy_variable(const Url& url, const Environment& environment) {
    if (is_loopback(url.host)) return {};
    const auto exceptions = environment("no_proxy").value_or(environment("NO_PROXY").value_or(""));
    if (excepted(url.host, exceptions)) return {};
    const auto own = url.scheme + "_proxy";
    for (const auto& name : {own, upper(own), std::string("all_proxy"), std::string("ALL_PROXY")}) {
        // HTTP_PROXY can be set by whoever sends a `Proxy:` header to a CGI program.
        if (name != "HTTP_PROXY" && environment(name)) return name;
    }
    return {};
}

TransportError explain_transport(CURLcode code, const FailedExchange& exchange) {
    return Explainer(exchange).explain(code);
}

}  // namespace pwh::net
