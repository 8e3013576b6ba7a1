// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace pwh::net {

/// One thread's event loop. Only post() and stop() may be called from other threads.
class EventLoop {
  public:
    /// A timer that its destructor cancels.
    class Timer {
      public:
        Timer();
        Timer(Timer&&) noexcept;
        Timer& operator=(Timer&&) noexcept;
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;
        ~Timer();

      private:
        friend class EventLoop;
        struct State;
        std::shared_ptr<State> state_;
    };

    EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    /// Runs handlers until stop() is called or nothing is left to wait for.
    void run();
    void stop();

    /// Has `task` run by the loop, soon.
    void post(std::function<void()> task);

    /// Runs `task` once, `delay` from now, by the steady clock.
    [[nodiscard]] Timer after(std::chrono::milliseconds delay, std::function<void()> task);
    /// Runs `task` every `period`, until the timer is destroyed.
    [[nodiscard]] Timer every(std::chrono::milliseconds period, std::function<void()> task);

    /// Calls `handler` with the number of each of these signals that comes, for as long as the loop
    /// lives.
    void on_signals(std::initializer_list<int> signals, std::function<void(int)> handler);

    /// For the network folder itself.
    boost::asio::io_context& context();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pwh::net
