// SPDX-License-Identifier: Apache-2.0
#include "commands/listen_resources.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/service.hpp"

namespace pwh::commands {

namespace {

/// Descriptors that are not connections: streams, the loop, files that are read, Preservica.
constexpr std::size_t other_descriptors = 64;

constexpr std::size_t max_tls_file = 1U << 20U;

}  // namespace

net::ServerLimits limits_of(const ListenOptions& options, const Diagnostics& diagnostics) {
    net::ServerLimits limits;
    limits.request.body_bytes = options.max_body;
    limits.connections = options.max_connections;
    const auto allowed = raise_descriptor_limit(limits.connections + other_descriptors);
    if (allowed < limits.connections + other_descriptors) {
        limits.connections =
            allowed > 2 * other_descriptors ? allowed - other_descriptors : allowed / 2;
        diagnostics.warning(
            fmt::format("only {} descriptors are allowed: at most {} connections at once", allowed,
                        limits.connections),
            "raise the limit (ulimit -n; LimitNOFILE= in a unit), or lower --max-connections");
    }
    return limits;
}

/// The files are opened first: OpenSSL's words for one that is missing say little.
std::shared_ptr<const net::TlsContext> load_tls(const ListenOptions& options,
                                                const Diagnostics& diagnostics) {
    if (options.tls_cert.empty() != options.tls_key.empty()) {
        throw UsageError("--tls-cert and --tls-key belong together", "give both, or neither");
    }
    if (options.tls_cert.empty()) return nullptr;
    read_file(options.tls_cert, "--tls-cert", max_tls_file);
    read_file(options.tls_key, "--tls-key", max_tls_file);
    if (others_can_read(options.tls_key)) {
        diagnostics.warning(fmt::format("the key file {} can be read by others", options.tls_key),
                            fmt::format("chmod 600 {}", options.tls_key));
    }
    return std::make_shared<const net::TlsContext>(options.tls_cert, options.tls_key);
}

}  // namespace pwh::commands
