// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "preservica/message.hpp"

namespace pwh::sandbox {

/// When messages are due: so many a second, without drift.
class EmitSchedule {
  public:
    using Time = std::chrono::steady_clock::time_point;
    /// No more than this at once, however late it is.
    static constexpr std::size_t largest_burst = 1000;

    EmitSchedule(double per_second, Time start) : per_second_(per_second), start_(start) {}

    /// How many have become due since they were last asked for.
    std::size_t take_due(Time now);
    /// Until the next one is due; zero when it is late already.
    std::chrono::milliseconds until_next(Time now) const;

  private:
    double per_second_;
    Time start_;
    std::uint64_t taken_ = 0;
};

/// Goes round a list of triggers.
class TriggerRound {
  public:
    explicit TriggerRound(std::vector<std::string> triggers) : triggers_(std::move(triggers)) {}

    /// The next that somebody has subscribed to, if any.
    std::optional<std::string> next(const std::function<bool(const std::string&)>& is_subscribed);

  private:
    std::vector<std::string> triggers_;
    std::size_t at_ = 0;
};

/// An event that could have come from an archive: a random entity of a type that fits the trigger.
/// `number` counts the events.
preservica::MessageEvent invent_event(std::string_view trigger, std::uint64_t number);

}  // namespace pwh::sandbox
