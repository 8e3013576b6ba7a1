// SPDX-License-Identifier: Apache-2.0
#include "receiver/stdout_sink.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <thread>

namespace pwh::receiver {

namespace {

/// Between looks at whether to give up, and at a full disk.
constexpr int pause_ms = 100;
constexpr std::size_t file_batch = 64U << 10U;

bool is_regular(int fd) {
    struct stat info {};
    return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

StdoutSink::StdoutSink(int fd) : fd_(fd), waits_(!is_regular(fd)) {}

/// poll(2) promises room for PIPE_BUF bytes; a larger write to a pipe may block.
std::size_t StdoutSink::batch_bytes() const {
    return waits_ ? PIPE_BUF : file_batch;
}

bool StdoutSink::wait_writable(bool& closed) const {
    struct pollfd poller {
        fd_, POLLOUT, 0
    };
    const int ready = ::poll(&poller, 1, pause_ms);
    if (ready > 0 && (poller.revents & (POLLERR | POLLNVAL)) != 0) closed = true;
    return ready > 0 && (poller.revents & POLLOUT) != 0;
}

bool StdoutSink::gone() const {
    struct pollfd poller {
        fd_, 0, 0
    };
    return waits_ && ::poll(&poller, 1, 0) > 0 && (poller.revents & (POLLERR | POLLNVAL)) != 0;
}

StdoutSink::Outcome StdoutSink::write_text(std::string_view text, std::size_t& written) {
    while (written < text.size()) {
        if (interrupted_) return Outcome::interrupted;
        bool closed = false;
        if (waits_ && !wait_writable(closed)) {
            if (closed) return Outcome::closed;
            continue;
        }
        const auto size =
            waits_ ? std::min<std::size_t>(text.size() - written, PIPE_BUF) : text.size() - written;
        const auto n = ::write(fd_, text.data() + written, size);
        if (n >= 0) {
            written += static_cast<std::size_t>(n);
        } else if (errno == ENOSPC || errno == EDQUOT || errno == EAGAIN) {
            std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        } else if (errno != EINTR) {
            return Outcome::closed;
        }
    }
    return Outcome::written;
}

Sink::Result StdoutSink::write(std::span<const std::shared_ptr<Delivery>> batch) {
    text_.clear();
    for (const auto& delivery : batch) text_ += delivery->lines;
    std::size_t written = 0;
    const auto outcome = write_text(text_, written);
    Result result;
    result.closed = outcome == Outcome::closed;
    std::size_t end = 0;
    for (const auto& delivery : batch) {
        end += delivery->lines.size();
        if (end > written) break;
        ++result.safe;
    }
    return result;
}

}  // namespace pwh::receiver
