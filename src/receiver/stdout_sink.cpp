// SPDX-License-Identifier: Apache-2.0
#include "receiver/stdout_sink.hpp"

namespace pwh::receiver {

namespace {

constexpr std::size_t batch_limit = 64U << 10U;

}  // namespace

StdoutSink::StdoutSink(int fd) : output_(fd) {
    text_.reserve(batch_limit);  // what is in hand is written even where there is no memory left
}

std::size_t StdoutSink::batch_bytes() const {
    return batch_limit;
}

Sink::Result StdoutSink::write(std::span<const std::shared_ptr<Delivery>> batch) {
    text_.clear();
    if (batch.size() > 1) {
        for (const auto& delivery : batch) text_ += delivery->lines;
    }
    // One alone may be of any size, and needs no copy.
    std::size_t written = 0;
    const auto outcome = output_.write(batch.size() > 1 ? text_ : batch.front()->lines, written);
    Result result;
    result.closed = outcome == LineOutput::Outcome::closed;
    std::size_t end = 0;
    for (const auto& delivery : batch) {
        end += delivery->lines.size();
        if (end > written) break;
        ++result.safe;
    }
    return result;
}

}  // namespace pwh::receiver
