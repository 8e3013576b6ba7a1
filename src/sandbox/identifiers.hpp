// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pwh::sandbox {

/// A random UUID (version 4): tokens, challenge codes, entity references.
std::string random_uuid();

/// 32 random hex digits, as subscription ids have them.
std::string random_id();

}  // namespace pwh::sandbox
