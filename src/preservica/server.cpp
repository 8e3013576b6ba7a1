// SPDX-License-Identifier: Apache-2.0
#include "preservica/server.hpp"

#include <cstdint>

#include "net/url.hpp"

namespace pwh::preservica {

std::string Server::key() const {
    const auto parsed = net::parse_host_port(address);
    if (!parsed) return address;
    const std::uint16_t own_port = protocol == "http" ? 80 : 443;
    const auto port = parsed->port.value_or(own_port);
    auto key = net::join_host_port(parsed->host, port);
    if (port == own_port) key.erase(key.rfind(':'));
    return key;
}

}  // namespace pwh::preservica
