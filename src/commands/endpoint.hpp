// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "commands/context.hpp"
#include "settings/settings.hpp"

namespace pwh::commands {

/// How long `check` and `send` wait for an endpoint's answer, where --request-timeout says nothing.
inline constexpr std::chrono::seconds endpoint_patience{10};

/// The URL of the endpoint to ask: the argument, else the setting. Throws UsageError.
std::string endpoint_url(const std::string& argument, const settings::Settings& settings);

/// A client for endpoints; with -vv it shows its exchanges.
std::unique_ptr<net::HttpClient> endpoint_client(const Context& context,
                                                 const settings::Settings& settings);

}  // namespace pwh::commands
