// SPDX-License-Identifier: Apache-2.0
#include "commands/send_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace pwh::commands {

void SendReport::add_answer(long status, Duration latency) {
    ++answers_[status];
    ++sent_;
    accepted_ += status >= 200 && status < 300 ? 1U : 0U;
    silence_ = 0;
    constexpr Duration::rep longest = std::numeric_limits<std::uint32_t>::max();
    latencies_.push_back(
        static_cast<std::uint32_t>(std::clamp<Duration::rep>(latency.count(), 0, longest)));
}

void SendReport::add_failure() {
    ++failures_;
    ++sent_;
    ++silence_;
}

SendReport::Duration SendReport::percentile(double percent) const {
    if (latencies_.empty()) return Duration::zero();
    auto sorted = latencies_;
    const auto count = static_cast<double>(sorted.size());
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100.0 * count));
    const auto at = std::clamp<std::size_t>(rank, 1, sorted.size()) - 1;
    const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(at);
    std::nth_element(sorted.begin(), nth, sorted.end());
    return Duration(*nth);
}

std::string SendReport::lines() const {
    std::string text;
    for (const auto& [status, count] : answers_) text += fmt::format("{}\t{}\n", status, count);
    if (failures_ > 0) text += fmt::format("no-answer\t{}\n", failures_);
    return text;
}

std::string SendReport::answers() const {
    std::string text;
    for (const auto& [status, count] : answers_) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", status, count);
    }
    if (failures_ > 0) {
        text += fmt::format("{}no answer: {}", text.empty() ? "" : ", ", failures_);
    }
    return text;
}

std::string SendReport::summary(std::chrono::duration<double> elapsed) const {
    const double seconds = std::max(elapsed.count(), 1e-6);
    auto text = fmt::format("sent {} message{} in {:.2f} s: {:.1f} per second", sent_,
                            sent_ == 1 ? "" : "s", seconds, static_cast<double>(sent_) / seconds);
    if (latencies_.empty()) return text;
    return text + fmt::format("; latency p50 {}, p90 {}, p99 {}, max {}",
                              spoken_duration(percentile(50)), spoken_duration(percentile(90)),
                              spoken_duration(percentile(99)), spoken_duration(percentile(100)));
}

std::string spoken_duration(std::chrono::microseconds duration) {
    const auto us = static_cast<double>(duration.count());
    if (us < 10'000) return fmt::format("{:.1f} ms", us / 1000);
    if (us < 1'000'000) return fmt::format("{:.0f} ms", us / 1000);
    return fmt::format("{:.1f} s", us / 1'000'000);
}

}  // namespace pwh::commands
