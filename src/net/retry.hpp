// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "net/http_client.hpp"

namespace pwh::net {

struct RetryOptions {
    unsigned retries = 3;  ///< 0: every request is made once
    /// No repeat begins later than this after the first try began.
    std::chrono::milliseconds begin_within{60'000};
    /// Told of each repeat before the wait for it.
    std::function<void(const std::string&)> on_retry;

    std::function<std::chrono::steady_clock::time_point()> clock;
    WallClock wall_clock;
    /// Waits; false when it was interrupted, and nothing is to be repeated.
    std::function<bool(std::chrono::milliseconds)> sleep;
    std::function<double()> jitter;  ///< from 0 up to 1
};

/// The machine's clocks, sleep and randomness. The sleep ends when `cancelled` gets true.
RetryOptions system_retry_options(std::function<bool()> cancelled);

/// How long an answer's `Retry-After` asks to wait: seconds, or an HTTP date. Nothing without a
/// valid one.
std::optional<std::chrono::milliseconds> retry_after(const ClientResponse& response, WallTime now);

/// Wraps a client, and makes requests again that failed by chance:
///
/// - GET, HEAD and DELETE, when the name did not resolve, no connection came about, the connection
///   broke, time ran out, or the answer was 429, 502, 503 or 504;
/// - any other method only where the request certainly never left this machine. A POST that may
///   have reached the server is never repeated: its caller has to look what became of it.
///
/// Not repeated: certificates and TLS, proxies, answers that are too large, requests given up by
/// `cancelled`, and every other status.
///
/// The wait is 0.5 s, 1 s, 2 s, … up to 16 s, each shortened by up to half by chance; at least what
/// `Retry-After` asks. Where that would last beyond `begin_within`, the failure stands as it is.
///
/// A DELETE that is 404 when repeated, after one that may have been worked on, is answered as 204:
/// what was asked for is done.
std::unique_ptr<HttpClient> make_retrying_client(std::unique_ptr<HttpClient> client,
                                                 RetryOptions options);

}  // namespace pwh::net
