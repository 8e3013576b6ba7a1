// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace pwh::sandbox {

/// A message on its way to one subscription.
struct Delivery {
    std::string body;
    unsigned tries = 0;  ///< so far
};

/// What waits to be delivered to one subscription. One that failed comes again later, and holds up
/// nothing meanwhile. When Preservica tries again is not documented; here it is after 0.25 s,
/// doubling to 30 s at most, 8 tries in all. Needs no clock of its own and no thread.
class DeliveryQueue {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t capacity = 1000;
    static constexpr unsigned most_tries = 8;

    /// False when the queue is full: the message is dropped.
    bool push(std::string body);
    /// The next one that is due, if any; it counts until delivered() or failed() is called for it.
    std::optional<Delivery> take(Time now);
    void delivered();
    /// False when it was the last try.
    bool failed(Delivery delivery, Time now);

    /// How many are due at once.
    std::size_t ready() const { return ready_.size(); }
    /// When the first of those to be tried again is due.
    std::optional<Time> next_retry() const;
    /// Drops all that waits.
    void clear();

  private:
    std::deque<Delivery> ready_;
    std::multimap<Time, Delivery> later_;
    std::size_t in_hand_ = 0;
};

/// How long to wait after that many tries.
std::chrono::milliseconds retry_delay(unsigned tries);

}  // namespace pwh::sandbox
