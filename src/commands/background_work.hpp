// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "net/event_loop.hpp"

namespace pwh::commands {

/// Work that blocks, beside an event loop: one piece at a time, on a thread of its own. All
/// functions are the loop's.
class BackgroundWork {
  public:
    /// What a thread hands over of an Error: the exception itself stays where it was thrown.
    struct Failed {
        int code;
        std::string message;
        std::string hint;
    };

    /// `on_failed` runs on the loop.
    BackgroundWork(net::EventLoop& loop, std::function<void(const Failed&)> on_failed)
        : loop_(loop), on_failed_(std::move(on_failed)) {}
    BackgroundWork(const BackgroundWork&) = delete;
    BackgroundWork& operator=(const BackgroundWork&) = delete;
    ~BackgroundWork() { join(); }

    void start(const std::function<void()>& work);
    /// True until the loop has learnt that the work is done.
    bool running() const { return running_; }
    void join();

  private:
    net::EventLoop& loop_;
    std::function<void(const Failed&)> on_failed_;
    std::thread thread_;
    bool running_ = false;
};

}  // namespace pwh::commands
