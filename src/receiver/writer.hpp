// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "receiver/sink.hpp"

namespace pwh::receiver {

/// The thread that makes messages safe. It takes what waits as a batch, so one slow step serves
/// many; what needs no waiting is made safe without it. All functions are the loop's; `notify` is
/// called on the writer's thread when there is something to collect, and when it goes on and finds
/// that all that waited was abandoned.
class Writer {
  public:
    Writer(Sink& sink, std::function<void()> notify);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer();

    /// True when some are safe already, and to be collected. Throws bad_alloc, and has then done
    /// nothing.
    [[nodiscard]] bool submit(const Batch& deliveries);
    /// True when the delivery had not been begun: it never will be.
    bool abandon(Delivery& delivery);

    struct Collected {
        Batch finished;  ///< safe or failed, in order
        bool closed = false;
    };
    Collected collect();

    /// Ends the thread: after what waits, if the sink takes it within `patience`. False when the
    /// thread hangs in a write that nothing interrupts; the process has then to end without it.
    bool stop(std::chrono::milliseconds patience);

  private:
    void run();
    std::size_t write_now(const Batch& deliveries);
    Batch next_batch(std::unique_lock<std::mutex>& lock,
                     std::optional<std::chrono::milliseconds> patience);
    void write(std::unique_lock<std::mutex>& lock, Batch& batch);
    void tell();
    void finish(Batch& batch, const Sink::Result& result);

    Sink& sink_;
    std::function<void()> notify_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable ended_;
    std::deque<std::shared_ptr<Delivery>> waiting_;
    Collected collected_;
    bool writing_ = false;
    bool notified_ = false;
    bool stopping_ = false;
    bool running_ = true;
    std::thread thread_;
};

}  // namespace pwh::receiver
