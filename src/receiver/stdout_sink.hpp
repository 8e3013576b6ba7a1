// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "receiver/line_output.hpp"
#include "receiver/sink.hpp"

namespace pwh::receiver {

/// Lines to stdout: safe is what write(2) took.
class StdoutSink final : public Sink {
  public:
    /// The descriptor stays the caller's.
    explicit StdoutSink(int fd);

    std::size_t batch_bytes() const override;
    Result write(std::span<const std::shared_ptr<Delivery>> batch) override;
    Immediate write_now(std::span<const std::shared_ptr<Delivery>> batch) override;
    void interrupt() override { output_.interrupt(); }
    bool gone() const override { return output_.gone(); }

  private:
    Result result_of(std::span<const std::shared_ptr<Delivery>> batch, LineOutput::Outcome outcome,
                     std::size_t written);

    LineOutput output_;
    std::string text_;
    std::size_t begun_ = 0;  ///< bytes of the next message that are written already
};

}  // namespace pwh::receiver
