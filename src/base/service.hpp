// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "base/environment.hpp"

namespace pwh {

/// Tells systemd of a change of state, `READY=1` say (sd_notify(3)), where it asked to be told. A
/// failure is nobody's loss, and is not reported.
void notify_service_manager(const Environment& environment, std::string_view state);

/// Raises the limit of open descriptors as far as allowed, up to `wanted`, and returns what it is
/// then.
std::size_t raise_descriptor_limit(std::size_t wanted);

}  // namespace pwh
