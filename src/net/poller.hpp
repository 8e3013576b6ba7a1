// SPDX-License-Identifier: Apache-2.0
// For the network folder itself: which of many descriptors may be read or written.
#pragma once

#include <memory>

#include "net/event_loop.hpp"

namespace pwh::net {

/// Watches many descriptors with one epoll set, on which Asio waits. Asio's own async_wait() arms
/// each wait anew, one epoll_ctl() a request: that took 6 % of a verified event's time
/// (tests/bench/receiver.py). Here a descriptor is registered once, and told of at each change only
/// (edge-triggered). For the loop's thread.
class Poller {
  public:
    struct Ready {
        bool readable = false;
        bool writable = false;
        bool ended = false;  ///< the other side has sent all, or an error waits to be read
    };

    class Watcher {
      public:
        Watcher() = default;
        Watcher(const Watcher&) = delete;
        Watcher& operator=(const Watcher&) = delete;
        /// Something has changed: what is ready now stays so until a read or a write says that it
        /// would block.
        virtual void on_ready(const Ready& ready) = 0;

      protected:
        ~Watcher() = default;
    };

    /// Throws Error where the kernel has no epoll set left.
    explicit Poller(EventLoop& loop);
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;
    ~Poller();

    /// False where the kernel has no room for it. The watcher has to be removed before it or the
    /// descriptor goes.
    [[nodiscard]] bool add(int fd, Watcher& watcher);
    /// Has on_ready() called once more with what is ready then, after the others that are ready
    /// now.
    void again(int fd, Watcher& watcher);
    void remove(int fd, const Watcher& watcher);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace pwh::net
