// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/diagnostics.hpp"
#include "net/http_server.hpp"

namespace pwh::receiver {

/// Counts refusals by reason, and logs them at a rate that can't fill a disk; what was left out is
/// counted, and said.
class RefusalLog {
  public:
    explicit RefusalLog(const Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

    /// `reason` is the word for counts ("signature"); `text` the line, shown as a warning.
    void refused(std::string_view reason, std::string_view text,
                 std::chrono::steady_clock::time_point now);
    /// What the server itself refused.
    void refused(net::Refusal refusal, const std::string& peer,
                 std::chrono::steady_clock::time_point now);
    /// Counts without a line: for what is said in another way.
    void count(std::string_view reason, std::uint64_t requests);
    /// Says how many lines were left out, if any, once there is room again.
    void tick(std::chrono::steady_clock::time_point now);

    const std::map<std::string, std::uint64_t, std::less<>>& counts() const { return counts_; }

  private:
    bool has_room(std::chrono::steady_clock::time_point now);

    const Diagnostics& diagnostics_;
    std::map<std::string, std::uint64_t, std::less<>> counts_;
    double room_ = burst;
    std::chrono::steady_clock::time_point filled_{};
    std::uint64_t left_out_ = 0;

    static constexpr double burst = 20;
    static constexpr double per_second = 1;
};

}  // namespace pwh::receiver
