// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "preservica/subscriptions.hpp"

namespace pwh::sandbox {

/// What was subscribed, under the id it got.
struct SubscriptionEntry {
    std::string id;
    preservica::NewSubscription wanted;
};

/// The subscriptions in order of creation. Equal ones are kept apart: whether Preservica refuses
/// them is not documented.
class SubscriptionTable {
  public:
    static constexpr std::size_t capacity = 100;

    bool full() const { return entries_.size() >= capacity; }
    const SubscriptionEntry& add(preservica::NewSubscription wanted);
    /// False when there is none of that id.
    bool remove(std::string_view id);
    std::span<const SubscriptionEntry> entries() const { return entries_; }

  private:
    std::vector<SubscriptionEntry> entries_;
};

/// As the API answers it: without the secret.
nlohmann::ordered_json subscription_json(const SubscriptionEntry& entry);

/// What is wrong with a request, in words.
struct Problem {
    std::string what;
};

/// Reads the body of `POST /api/webhook/subscriptions`.
std::variant<preservica::NewSubscription, Problem> read_subscription_request(std::string_view body);

}  // namespace pwh::sandbox
