// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commands/context.hpp"
#include "commands/listen.hpp"

namespace pwh::commands {

/// One run of `listen`, from the settings to the summary. Returns the exit code; throws Error when
/// it can't start.
int listen(Context& context, const ListenOptions& options);

}  // namespace pwh::commands
