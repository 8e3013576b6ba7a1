// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "commands/context.hpp"
#include "settings/settings.hpp"

namespace pwh::commands {

/// What every HTTP client takes from the settings. A signal gives its exchanges up; with -vv they
/// are shown.
net::ClientOptions http_options(const Context& context, const settings::Settings& settings,
                                std::size_t most_of_answer);

}  // namespace pwh::commands
