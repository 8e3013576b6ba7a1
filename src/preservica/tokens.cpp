// SPDX-License-Identifier: Apache-2.0
#include "preservica/tokens.hpp"

#include <algorithm>

namespace pwh::preservica {

bool Tokens::usable(WallTime now) const {
    const WallTime::duration margin =
        std::min<WallTime::duration>(std::chrono::seconds(60), (expires - issued) / 4);
    // A clock that was set back says nothing about how long they still live.
    return !access.empty() && now >= issued && now < expires - margin;
}

bool Tokens::due_for_refresh(WallTime now) const {
    return second_factor && !refresh.empty() && now >= expires - (expires - issued) / 3 &&
           now < expires;
}

}  // namespace pwh::preservica
