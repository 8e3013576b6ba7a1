// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "receiver/sink.hpp"

namespace pwh::receiver {

/// Lines into a descriptor: safe is what write(2) took. Waits while a pipe is full or a disk has no
/// room, and goes on where it stopped, so that no line is ever broken by another.
class StdoutSink final : public Sink {
  public:
    /// The descriptor stays the caller's.
    explicit StdoutSink(int fd);

    std::size_t batch_bytes() const override;
    Result write(std::span<const std::shared_ptr<Delivery>> batch) override;
    void interrupt() override { interrupted_ = true; }
    bool gone() const override;

  private:
    enum class Outcome { written, interrupted, closed };
    Outcome write_text(std::string_view text, std::size_t& written);
    bool wait_writable(bool& closed) const;

    /// The same pipe, opened again: not to block is a property of what was opened, which others
    /// share.
    UniqueFd own_;
    int fd_;
    bool waits_;  ///< a pipe, socket or terminal: may be full
    std::atomic<bool> interrupted_{false};
    std::string text_;
};

}  // namespace pwh::receiver
