// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pwh {

/// The calling thread goes on when others let it, instead of interrupting them as soon as it wakes.
/// For a thread that works in batches beside one that gathers them: where both share a core, woken
/// at the first of many messages, it would begin with that one.
void give_way_to_others() noexcept;

}  // namespace pwh
