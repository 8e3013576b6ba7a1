// SPDX-License-Identifier: Apache-2.0
#include "receiver/refusal_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pwh::receiver {

bool RefusalLog::has_room(std::chrono::steady_clock::time_point now) {
    if (filled_ != std::chrono::steady_clock::time_point{}) {
        const std::chrono::duration<double> passed = now - filled_;
        room_ = std::min(burst, room_ + passed.count() * per_second);
    }
    filled_ = now;
    return room_ >= 1;
}

void RefusalLog::refused(std::string_view reason, std::string_view text,
                         std::chrono::steady_clock::time_point now) {
    count(reason, 1);
    if (!has_room(now)) {
        ++left_out_;
        return;
    }
    room_ -= 1;
    diagnostics_.warning(text);
}

void RefusalLog::count(std::string_view reason, std::uint64_t requests) {
    if (requests == 0) return;
    const auto found = counts_.find(reason);
    (found != counts_.end() ? found : counts_.emplace(reason, 0).first)->second += requests;
}

void RefusalLog::tick(std::chrono::steady_clock::time_point now) {
    if (left_out_ == 0 || !has_room(now)) return;
    room_ -= 1;
    diagnostics_.warning(
        fmt::format("{} more refusals were not logged", std::exchange(left_out_, 0)));
}

}  // namespace pwh::receiver
