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
    auto written = begun_;
    const auto outcome = output_.write(batch.size() > 1 ? text_ : batch.front()->lines, written);
    return result_of(batch, outcome, written);
}

Sink::Immediate StdoutSink::write_now(std::span<const std::shared_ptr<Delivery>> batch) {
    if (!output_.never_waits()) return {};
    text_.clear();
    for (const auto& delivery : batch) {
        if (text_.size() + delivery->lines.size() > batch_limit) break;
        text_ += delivery->lines;
    }
    if (text_.empty()) return {};
    std::size_t written = 0;
    const auto outcome = output_.write_some(text_, written);
    const auto result = result_of(batch, outcome, written);
    return {result, begun_ > 0};
}

Sink::Result StdoutSink::result_of(std::span<const std::shared_ptr<Delivery>> batch,
                                   LineOutput::Outcome outcome, std::size_t written) {
    Result result;
    result.closed = outcome == LineOutput::Outcome::closed;
    begun_ = written;
    for (const auto& delivery : batch) {
        if (delivery->lines.size() > begun_) break;
        begun_ -= delivery->lines.size();
        ++result.safe;
    }
    return result;
}

}  // namespace pwh::receiver
