// SPDX-License-Identifier: Apache-2.0
#include "commands/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "commands/subscribing.hpp"
#include "preservica/redact.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t most_of_answer = 1U << 20U;

std::chrono::milliseconds in_ms(double seconds) {
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

void show(const Diagnostics& diagnostics, std::string_view mark, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        diagnostics.trace(fmt::format("{} {}", mark, text.substr(at, end - at)));
        at = end + 1;
    }
}

}  // namespace

std::string endpoint_url(const std::string& argument, const settings::Settings& settings) {
    if (argument.empty() && !settings.url) {
        throw UsageError("the endpoint's URL is missing",
                         "give URL, PWH_URL, or `url` in credentials.properties");
    }
    auto url = argument.empty() ? settings.url->value : argument;
    require_webhook_url(url);
    return url;
}

std::unique_ptr<net::HttpClient> endpoint_client(const Context& context,
                                                 const settings::Settings& settings) {
    net::ClientOptions options;
    options.connect_timeout = in_ms(settings.connect_timeout);
    options.request_timeout =
        in_ms(context.flags.request_timeout ? settings.request_timeout : endpoint_patience);
    options.ca_file = settings.ca_file;
    options.max_response_bytes = most_of_answer;
    options.cancelled = interrupted;
    const auto& diagnostics = context.diagnostics;
    if (diagnostics.verbosity() >= Verbosity::trace) {
        options.on_request = [&diagnostics](const net::ClientRequest& request) {
            show(diagnostics, ">", preservica::redact(request));
        };
        options.on_response = [&diagnostics](const net::ClientResponse& response) {
            show(diagnostics, "<", preservica::redact(response));
        };
    }
    return context.make_http(std::move(options));
}

}  // namespace pwh::commands
