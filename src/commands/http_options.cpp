// SPDX-License-Identifier: Apache-2.0
#include "commands/http_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/interrupt.hpp"
#include "preservica/redact.hpp"

namespace pwh::commands {

namespace {

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

void show_exchanges(net::ClientOptions& options, const Diagnostics& diagnostics) {
    const auto last = std::make_shared<net::ClientRequest>();
    options.on_request = [&diagnostics, last](const net::ClientRequest& request) {
        *last = request;
        show(diagnostics, ">", preservica::redact(request));
    };
    options.on_response = [&diagnostics, last](const net::ClientResponse& response) {
        show(diagnostics, "<", preservica::redact(response, *last));
    };
}

}  // namespace

net::ClientOptions http_options(const Context& context, const settings::Settings& settings,
                                std::size_t most_of_answer) {
    net::ClientOptions options;
    options.connect_timeout = in_ms(settings.connect_timeout);
    options.request_timeout = in_ms(settings.request_timeout);
    options.ca_file = settings.ca_file;
    options.max_response_bytes = most_of_answer;
    options.cancelled = interrupted;
    if (context.diagnostics.verbosity() >= Verbosity::trace)
        show_exchanges(options, context.diagnostics);
    return options;
}

}  // namespace pwh::commands
