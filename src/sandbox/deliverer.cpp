// SPDX-License-Identifier: Apache-2.0
#include "sandbox/deliverer.hpp"

#include <fmt/format.h>

#include <utility>

#include "preservica/probe.hpp"

namespace pwh::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

/// So many messages that wait are worth another thread.
constexpr std::size_t backlog_for_lane = 8;
constexpr std::chrono::seconds between_warnings{10};
constexpr std::size_t most_of_answer = 1U << 20U;

}  // namespace

Deliverer::Deliverer(SubscriptionEntry subscription, MakeHttp make_http,
                     const Diagnostics& diagnostics)
    : subscription_(std::move(subscription)),
      make_http_(std::move(make_http)),
      diagnostics_(diagnostics),
      last_warning_(Clock::now() - between_warnings) {
    start_lane();
}

Deliverer::~Deliverer() {
    stop();
    for (auto& lane : lanes_) lane.join();
}

void Deliverer::push(std::string body) {
    const Lock lock(mutex_);
    if (!queue_.push(std::move(body))) return warn_of_drop();
    if (queue_.ready() > backlog_for_lane * lanes_.size() && lanes_.size() < most_lanes)
        start_lane();
    changed_.notify_one();
}

void Deliverer::warn_of_drop() {
    ++dropped_;
    const auto now = Clock::now();
    if (now - last_warning_ < between_warnings) return;
    diagnostics_.warning(fmt::format("{} messages wait for subscription {}: {} more dropped",
                                     DeliveryQueue::capacity, subscription_.id, dropped_));
    last_warning_ = now;
    dropped_ = 0;
}

void Deliverer::stop() {
    const Lock lock(mutex_);
    stopping_ = true;
    queue_.clear();
    changed_.notify_all();
}

bool Deliverer::stopped() const {
    return running_ == 0;
}

void Deliverer::start_lane() {
    ++running_;
    try {
        lanes_.emplace_back([this] { run_lane(); });
    } catch (...) {
        --running_;
        throw;
    }
}

void Deliverer::run_lane() {
    try {
        net::ClientOptions options;
        options.connect_timeout = receiver_time;
        options.request_timeout = receiver_time;
        options.max_response_bytes = most_of_answer;
        options.cancelled = [this] { return stopping_.load(); };
        const auto http = make_http_(std::move(options));
        preservica::Signer signer(subscription_.wanted.secret);
        work(*http, signer);
    } catch (const std::exception& error) {
        diagnostics_.warning(fmt::format("no more deliveries to subscription {}: {}",
                                         subscription_.id, error.what()));
    }
    --running_;
}

void Deliverer::work(net::HttpClient& http, preservica::Signer& signer) {
    Lock lock(mutex_);
    while (!stopping_) {
        auto delivery = queue_.take(Clock::now());
        if (!delivery) {
            wait_for_work(lock);
            continue;
        }
        lock.unlock();
        const bool delivered = deliver(http, signer, *delivery);
        lock.lock();
        settle(*std::move(delivery), delivered);
    }
}

void Deliverer::wait_for_work(Lock& lock) {
    if (const auto retry = queue_.next_retry()) {
        changed_.wait_until(lock, *retry);
    } else {
        changed_.wait(lock);
    }
}

bool Deliverer::deliver(net::HttpClient& http, preservica::Signer& signer,
                        const Delivery& delivery) const {
    const auto request = preservica::event_request(subscription_.wanted.url, delivery.body,
                                                   signer.sign_event(delivery.body));
    std::string outcome;
    bool delivered = false;
    try {
        const auto status = http.perform(request).status;
        delivered = status >= 200 && status < 300;
        outcome = fmt::format("status {}", status);
    } catch (const net::TransportError& error) {
        if (stopping_) return false;
        outcome = error.what();
    }
    diagnostics_.detail(fmt::format("delivery to subscription {}, try {}: {}", subscription_.id,
                                    delivery.tries, outcome));
    return delivered;
}

void Deliverer::settle(Delivery delivery, bool delivered) {
    if (stopping_) return;
    if (delivered) return queue_.delivered();
    const bool again = queue_.failed(std::move(delivery), Clock::now());
    if (!again) {
        diagnostics_.warning(fmt::format("gave a message to subscription {} up after {} tries",
                                         subscription_.id, DeliveryQueue::most_tries));
    }
}

}  // namespace pwh::sandbox
