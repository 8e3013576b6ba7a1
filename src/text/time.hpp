// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.hpp"

namespace pwh::text {

/// RFC 3339 in UTC with milliseconds: `2026-11-23T17:04:05.678Z`.
std::string rfc3339(WallTime time);

/// The IMF-fixdate of RFC 9110 for a Date header: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string http_date(WallTime time);

}  // namespace pwh::text
