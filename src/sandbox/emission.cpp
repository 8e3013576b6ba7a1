// SPDX-License-Identifier: Apache-2.0
#include "sandbox/emission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sandbox/identifiers.hpp"

namespace pwh::sandbox {

namespace {

/// Every so many moves and changes of a security tag are a folder's.
constexpr std::uint64_t folder_every = 4;
/// So many assets are ingested together.
constexpr std::uint64_t batch_size = 25;

bool concerns_folders(std::string_view trigger) {
    return trigger == "MOVED" || trigger == "CHANGED_SECURITY_DESCRIPTOR";
}

double seconds_between(EmitSchedule::Time from, EmitSchedule::Time to) {
    return std::chrono::duration<double>(to - from).count();
}

}  // namespace

std::size_t EmitSchedule::take_due(Time now) {
    const auto due = static_cast<std::uint64_t>(
        std::max(0.0, std::floor(seconds_between(start_, now) * per_second_)));
    const auto count =
        due > taken_ ? std::min<std::uint64_t>(due - taken_, largest_burst) : std::uint64_t{0};
    taken_ += count;
    return count;
}

std::chrono::milliseconds EmitSchedule::until_next(Time now) const {
    constexpr double longest = 60.0;  // a timer that ends early does no harm
    const double due = static_cast<double>(taken_ + 1) / per_second_;
    const double rest = std::clamp(due - seconds_between(start_, now), 0.0, longest);
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(rest * 1000)));
}

std::optional<std::string> TriggerRound::next(
    const std::function<bool(const std::string&)>& is_subscribed) {
    for (std::size_t looked_at = 0; looked_at < triggers_.size(); ++looked_at) {
        const auto& trigger = triggers_[at_];
        at_ = (at_ + 1) % triggers_.size();
        if (is_subscribed(trigger)) return trigger;
    }
    return std::nullopt;
}

preservica::MessageEvent invent_event(std::string_view trigger, std::uint64_t number) {
    preservica::MessageEvent event;
    event.event = preservica::event_name(trigger);
    const bool folder = concerns_folders(trigger) && number % folder_every == 0;
    event.entity_type = folder ? "SO" : "IO";
    event.entity_ref = random_uuid();
    event.identifiers = {{"BatchId", fmt::format("{}", 1 + number / batch_size)},
                         {"catalogueReference", fmt::format("SANDBOX/{}", 1 + number)}};
    return event;
}

}  // namespace pwh::sandbox
