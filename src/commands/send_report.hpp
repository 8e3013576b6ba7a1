// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pwh::commands {

/// What became of the messages of one `send`: pure.
class SendReport {
  public:
    using Duration = std::chrono::microseconds;

    void add_answer(long status, Duration latency);
    /// No answer came.
    void add_failure();

    std::size_t sent() const { return sent_; }
    std::size_t accepted() const { return accepted_; }
    std::size_t failures() const { return failures_; }
    /// How many in a row were not answered, up to now.
    std::size_t silence() const { return silence_; }

    /// The latency that `percent` of the answers did not exceed (nearest rank); zero without one.
    Duration percentile(double percent) const;

    /// A line for each kind of answer, by status: `200<TAB>N`, and `no-answer<TAB>N`.
    std::string lines() const;
    /// The same in words: `200: 5, no answer: 1`.
    std::string answers() const;
    /// Rate and latency on one line.
    std::string summary(std::chrono::duration<double> elapsed) const;

  private:
    std::map<long, std::size_t> answers_;
    std::size_t failures_ = 0;
    std::size_t sent_ = 0;
    std::size_t accepted_ = 0;
    std::size_t silence_ = 0;
    std::vector<std::uint32_t> latencies_;  ///< microseconds
};

/// `1.2 ms`, `3.4 s`.
std::string spoken_duration(std::chrono::microseconds duration);

}  // namespace pwh::commands
