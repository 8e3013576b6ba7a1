// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "net/http_client.hpp"
#include "net/url.hpp"

namespace pwh::net {

/// What is known of an exchange that failed.
struct FailedExchange {
    Url url;
    bool sent = false;           ///< the request may have gone out
    bool too_large = false;      ///< given up because of the answer's size
    bool cancelled = false;      ///< given up because the caller wanted so
    long verify_result = 0;      ///< OpenSSL's X509_V_ERR_…
    long proxy_status = 0;       ///< the proxy's answer to CONNECT
    std::string proxy_variable;  ///< the environment variable that names the proxy in force, if any
    std::string ca_file;
    std::chrono::milliseconds connect_timeout{};
    std::chrono::milliseconds request_timeout{};
    std::size_t max_response_bytes = 0;
};

/// Puts libcurl's code into words: what failed, with which host and port, and what to do about it.
TransportError explain_transport(CURLcode code, const FailedExchange& exchange);

}  // namespace pwh::net
