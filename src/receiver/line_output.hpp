// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>

#include "base/file.hpp"

namespace pwh::receiver {

/// Text into a descriptor, whole. Waits while a pipe is full or a disk has no room, and goes on
/// where it stopped, so that no line is ever broken by another.
class LineOutput {
  public:
    enum class Outcome { written, interrupted, closed };

    /// The descriptor stays the caller's.
    explicit LineOutput(int fd);

    /// Writes from `written` on, and moves it. One thread at a time.
    Outcome write(std::string_view text, std::size_t& written);
    /// True where write_some() may be used.
    bool never_waits() const { return static_cast<bool>(own_); }
    /// Writes what finds room at once, and adds it to `written`.
    Outcome write_some(std::string_view text, std::size_t& written) const;
    /// Has a write() that waits return soon. From any thread.
    void interrupt() { interrupted_ = true; }
    /// True when the other end is known to be gone although nothing was written. From any thread.
    bool gone() const;

  private:
    bool wait_writable(bool& closed) const;

    /// The same pipe, opened again: not to block is a property of what was opened, which others
    /// share.
    UniqueFd own_;
    int fd_;
    bool waits_;  ///< a pipe, socket or terminal: may be full
    std::atomic<bool> interrupted_{false};
};

}  // namespace pwh::receiver
