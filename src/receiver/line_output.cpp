// SPDX-License-Identifier: Apache-2.0
#include "receiver/line_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
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

mode_t kind_of(int fd) {
    struct stat info {};
    return ::fstat(fd, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

UniqueFd open_pipe_again(int fd) {
    if (kind_of(fd) != S_IFIFO) return {};
    const auto path = fmt::format("/proc/self/fd/{}", fd);
    return UniqueFd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

LineOutput::LineOutput(int fd)
    : own_(open_pipe_again(fd)), fd_(own_ ? own_.get() : fd), waits_(kind_of(fd) != S_IFREG) {}

bool LineOutput::wait_writable(bool& closed) const {
    struct pollfd poller {
        fd_, POLLOUT, 0
    };
    const int ready = ::poll(&poller, 1, pause_ms);
    if (ready > 0 && (poller.revents & (POLLERR | POLLNVAL)) != 0) closed = true;
    return ready > 0 && (poller.revents & POLLOUT) != 0;
}

bool LineOutput::gone() const {
    if ((::fcntl(fd_, F_GETFL) & O_ACCMODE) == O_RDONLY) return true;
    struct pollfd poller {
        fd_, 0, 0
    };
    return waits_ && ::poll(&poller, 1, 0) > 0 && (poller.revents & (POLLERR | POLLNVAL)) != 0;
}

LineOutput::Outcome LineOutput::write_some(std::string_view text, std::size_t& written) const {
    const auto n = ::write(fd_, text.data(), text.size());
    if (n >= 0) {
        written += static_cast<std::size_t>(n);
        return Outcome::written;
    }
    return errno == EAGAIN || errno == EINTR ? Outcome::written : Outcome::closed;
}

LineOutput::Outcome LineOutput::write(std::string_view text, std::size_t& written) {
    bool ask_first = waits_ && !own_;
    while (written < text.size()) {
        if (interrupted_) return Outcome::interrupted;
        bool closed = false;
        if (ask_first && !wait_writable(closed)) {
            if (closed) return Outcome::closed;
            continue;
        }
        // poll(2) promises room for PIPE_BUF bytes; a larger write may block.
        const bool may_block = waits_ && !own_;
        const auto left = text.size() - written;
        const auto size = may_block ? std::min<std::size_t>(left, PIPE_BUF) : left;
        const auto n = ::write(fd_, text.data() + written, size);
        if (n >= 0) {
            written += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN && own_) {
            ask_first = true;
        } else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EAGAIN) {
            std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
        } else if (errno != EINTR) {
            return Outcome::closed;
        }
    }
    return Outcome::written;
}

}  // namespace pwh::receiver
