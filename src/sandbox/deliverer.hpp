// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/diagnostics.hpp"
#include "net/http_client.hpp"
#include "preservica/signature.hpp"
#include "sandbox/delivery_queue.hpp"
#include "sandbox/subscription_table.hpp"

namespace pwh::sandbox {

/// Makes a client for one thread; called from any thread.
using MakeHttp = std::function<std::unique_ptr<net::HttpClient>(net::ClientOptions)>;

/// How long the sandbox waits for a receiver.
inline constexpr std::chrono::milliseconds receiver_time{10'000};

/// Signs one subscription's messages and delivers them, on threads of its own: a receiver that
/// hangs holds up nobody else. There is one thread, and more when messages pile up, so that order
/// is lost only then.
class Deliverer {
  public:
    static constexpr std::size_t most_lanes = 4;

    Deliverer(SubscriptionEntry subscription, MakeHttp make_http, const Diagnostics& diagnostics);
    Deliverer(const Deliverer&) = delete;
    Deliverer& operator=(const Deliverer&) = delete;
    /// Waits for stopped().
    ~Deliverer();

    void push(std::string body);
    /// Drops what waits, and gives up what is being sent. Returns at once.
    void stop();
    /// Whether every thread has ended.
    bool stopped() const;

  private:
    using Lock = std::unique_lock<std::mutex>;

    void start_lane();
    void run_lane();
    void work(net::HttpClient& http, preservica::Signer& signer);
    void wait_for_work(Lock& lock);
    bool deliver(net::HttpClient& http, preservica::Signer& signer, const Delivery& delivery) const;
    void settle(Delivery delivery, bool delivered);
    void warn_of_drop();

    const SubscriptionEntry subscription_;
    const MakeHttp make_http_;
    const Diagnostics& diagnostics_;

    std::mutex mutex_;
    std::condition_variable changed_;
    DeliveryQueue queue_;
    std::size_t dropped_ = 0;  ///< since the last warning
    DeliveryQueue::Time last_warning_;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::size_t> running_ = 0;
    std::vector<std::thread> lanes_;
};

}  // namespace pwh::sandbox
