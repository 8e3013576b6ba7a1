// SPDX-License-Identifier: Apache-2.0
#include "commands/endpoint.hpp"

#include "base/error.hpp"
#include "commands/http_options.hpp"
#include "commands/subscribing.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t most_of_answer = 1U << 20U;

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
    auto options = http_options(context, settings, most_of_answer);
    if (!context.flags.request_timeout) options.request_timeout = endpoint_patience;
    return context.make_http(std::move(options));
}

}  // namespace pwh::commands
