// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

namespace pwh {

using WallTime = std::chrono::system_clock::time_point;

/// Where the time comes from, so that tests can set it.
using WallClock = std::function<WallTime()>;

/// What waits, so that tests need not.
using Sleep = std::function<void(std::chrono::milliseconds)>;

}  // namespace pwh
