// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pwh::sandbox {

/// A few threads for tasks that wait for somebody else. Tasks must not throw.
class Workers {
  public:
    Workers(std::size_t threads, std::size_t most_waiting);
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    /// Drops what waits, and waits for what runs.
    ~Workers();

    /// False when too many wait already.
    bool run(std::function<void()> task);

  private:
    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    std::size_t most_waiting_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace pwh::sandbox
