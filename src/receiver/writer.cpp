// SPDX-License-Identifier: Apache-2.0
#include "receiver/writer.hpp"

#include <algorithm>
#include <utility>

#include "base/thread.hpp"

namespace pwh::receiver {

Writer::Writer(Sink& sink, std::function<void()> notify)
    : sink_(sink), notify_(std::move(notify)), thread_([this] { run(); }) {}

Writer::~Writer() {
    stop(std::chrono::milliseconds(0));
}

bool Writer::submit(const Batch& deliveries) {
    std::size_t done = 0;
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        const bool first = waiting_.empty();
        const bool free =
            first && !writing_ && !stopping_ && !collected_.closed &&
            std::all_of(deliveries.begin(), deliveries.end(), [](const auto& delivery) {
                return delivery->state == Delivery::State::waiting;
            });
        auto& finished = collected_.finished;
        if (free) finished.reserve(finished.size() + deliveries.size());
        waiting_.insert(waiting_.end(), deliveries.begin(), deliveries.end());
        if (free) done = write_now(deliveries);
        wake = first && !waiting_.empty();
    }
    if (wake) work_.notify_one();
    return done > 0;
}

/// Another thread's turn for each batch takes longer than writing it into a pipe that has room.
std::size_t Writer::write_now(const Batch& deliveries) {
    const auto [result, begun] = sink_.write_now(deliveries);
    for (std::size_t i = 0; i < result.safe; ++i) {
        deliveries[i]->state = Delivery::State::safe;
        collected_.finished.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    if (begun) waiting_.front()->state = Delivery::State::started;
    collected_.closed = collected_.closed || result.closed;
    return result.safe;
}

bool Writer::abandon(Delivery& delivery) {
    const std::lock_guard lock(mutex_);
    if (delivery.state != Delivery::State::waiting) return false;
    delivery.state = Delivery::State::abandoned;
    delivery.body = {};
    delivery.lines = {};
    return true;
}

Writer::Collected Writer::collect() {
    const std::lock_guard lock(mutex_);
    notified_ = false;
    return std::exchange(collected_, {{}, collected_.closed});
}

/// Empty when nothing came within `patience`, or when the thread is to end.
Batch Writer::next_batch(std::unique_lock<std::mutex>& lock,
                         std::optional<std::chrono::milliseconds> patience) {
    Batch batch;
    std::size_t bytes = 0;
    const auto ready = [this] { return stopping_ || !waiting_.empty(); };
    for (;;) {
        if (!patience) {
            work_.wait(lock, ready);
        } else if (!work_.wait_for(lock, *patience, ready)) {
            return batch;
        }
        bool dropped = false;
        while (!waiting_.empty()) {
            auto& next = waiting_.front();
            if (next->state == Delivery::State::abandoned) {
                dropped = true;
            } else {
                bytes += next->bytes;
                if (!batch.empty() && bytes > sink_.batch_bytes()) return batch;
                next->state = Delivery::State::started;
                batch.push_back(std::move(next));
            }
            waiting_.pop_front();
        }
        if (!batch.empty() || stopping_) return batch;
        if (dropped) tell();  // that it moves again, although nothing is finished
    }
}

void Writer::finish(Batch& batch, const Sink::Result& result) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i]->state = i < result.safe ? Delivery::State::safe : Delivery::State::failed;
        collected_.finished.push_back(std::move(batch[i]));
    }
    collected_.closed = collected_.closed || result.closed;
    tell();
}

void Writer::tell() {
    if (!std::exchange(notified_, true)) notify_();
}

void Writer::run() {
    give_way_to_others();
    std::unique_lock lock(mutex_);
    std::optional<std::chrono::milliseconds> patience(0);
    for (;;) {
        auto batch = next_batch(lock, patience);
        if (batch.empty() && stopping_) break;
        if (!batch.empty()) write(lock, batch);
        lock.unlock();
        patience = sink_.maintain();
        lock.lock();
    }
    lock.unlock();
    sink_.finish();
    lock.lock();
    running_ = false;
    ended_.notify_all();
}

void Writer::write(std::unique_lock<std::mutex>& lock, Batch& batch) {
    Sink::Result result{0, collected_.closed};
    if (!result.closed) {
        writing_ = true;
        lock.unlock();
        result = sink_.write(batch);
        lock.lock();
        writing_ = false;
    }
    finish(batch, result);
}

bool Writer::stop(std::chrono::milliseconds patience) {
    if (!thread_.joinable()) return true;
    {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        work_.notify_all();
        if (!ended_.wait_for(lock, patience, [this] { return !running_; })) {
            sink_.interrupt();
            for (auto& delivery : waiting_) delivery->state = Delivery::State::abandoned;
            constexpr std::chrono::milliseconds until_interrupted{1000};
            if (!ended_.wait_for(lock, until_interrupted, [this] { return !running_; })) {
                thread_.detach();
                return false;
            }
        }
    }
    thread_.join();
    return true;
}

}  // namespace pwh::receiver
