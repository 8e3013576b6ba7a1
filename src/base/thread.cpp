// SPDX-License-Identifier: Apache-2.0
#include "base/thread.hpp"

#include <sched.h>

namespace pwh {

void give_way_to_others() noexcept {
    // What an administrator has chosen stays. Where it is refused, all works the same.
    if (::sched_getscheduler(0) != SCHED_OTHER) return;
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);  // 0: this thread
}

}  // namespace pwh
