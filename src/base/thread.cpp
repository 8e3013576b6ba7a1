// SPDX-License-Identifier: Apache-2.0
#include "base/thread.hpp"

#include <sched.h>

namespace pwh {

void give_way_to_others() noexcept {
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);  // of the thread; where it is refused, all works
}

}  // namespace pwh
