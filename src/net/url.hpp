// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pwh::net {

struct Url {
    std::string scheme;      ///< lower case
    std::string host;        ///< without brackets
    std::uint16_t port = 0;  ///< the scheme's own where none is written
    std::string path;        ///< starts with `/`
    std::string query;       ///< without `?`; empty when there is none
    bool has_credentials = false;
};

/// Parses an absolute URL with libcurl's parser. Nothing when it is none, or has no host.
std::optional<Url> parse_url(const std::string& text);

/// Host and port as in `us.preservica.com`, `127.0.0.1:8080`, `[::1]:80`.
struct HostPort {
    std::string host;  ///< lower case, without brackets
    std::optional<std::uint16_t> port;
};

/// Nothing when `text` is not HOST or HOST:PORT (a URL, say, or a port out of range). Port 0, which
/// a listener takes for any, passes.
std::optional<HostPort> parse_host_port(std::string_view text);

/// `host:port` as a URL has it: IPv6 in brackets.
std::string join_host_port(const std::string& host, std::uint16_t port);

/// True for `localhost`, 127.0.0.0/8 and ::1: what is written, not what a name resolves to.
bool is_loopback(std::string_view host);

}  // namespace pwh::net
