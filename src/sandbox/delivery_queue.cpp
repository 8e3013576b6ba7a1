// SPDX-License-Identifier: Apache-2.0
#include "sandbox/delivery_queue.hpp"

#include <algorithm>
#include <utility>

namespace pwh::sandbox {

bool DeliveryQueue::push(std::string body) {
    if (ready_.size() + later_.size() + in_hand_ >= capacity) return false;
    ready_.push_back({std::move(body), 0});
    return true;
}

std::optional<Delivery> DeliveryQueue::take(Time now) {
    std::optional<Delivery> next;
    if (!later_.empty() && later_.begin()->first <= now) {
        next = std::move(later_.begin()->second);
        later_.erase(later_.begin());
    } else if (!ready_.empty()) {
        next = std::move(ready_.front());
        ready_.pop_front();
    }
    if (next) {
        ++next->tries;
        ++in_hand_;
    }
    return next;
}

void DeliveryQueue::delivered() {
    --in_hand_;
}

bool DeliveryQueue::failed(Delivery delivery, Time now) {
    --in_hand_;
    if (delivery.tries >= most_tries) return false;
    const auto due = now + retry_delay(delivery.tries);
    later_.emplace(due, std::move(delivery));
    return true;
}

std::optional<DeliveryQueue::Time> DeliveryQueue::next_retry() const {
    if (later_.empty()) return std::nullopt;
    return later_.begin()->first;
}

void DeliveryQueue::clear() {
    ready_.clear();
    later_.clear();
}

std::chrono::milliseconds retry_delay(unsigned tries) {
    constexpr std::chrono::milliseconds first{250};
    constexpr std::chrono::milliseconds longest{30'000};
    constexpr unsigned most_doublings = 10;
    return std::min(longest, first * (1U << std::min(tries - 1, most_doublings)));
}

}  // namespace pwh::sandbox
