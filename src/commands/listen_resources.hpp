// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/diagnostics.hpp"
#include "commands/listen.hpp"
#include "net/http_server.hpp"
#include "net/transport.hpp"

namespace pwh::commands {

/// The server's limits, with as many connections as descriptors are allowed for; warns when that is
/// fewer than asked for.
net::ServerLimits limits_of(const ListenOptions& options, const Diagnostics& diagnostics);

/// The certificate to serve with; null where none was given. Throws UsageError. Warns of a key that
/// others can read.
std::shared_ptr<const net::TlsContext> load_tls(const ListenOptions& options,
                                                const Diagnostics& diagnostics);

}  // namespace pwh::commands
