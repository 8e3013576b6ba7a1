// SPDX-License-Identifier: Apache-2.0
#include "commands/line_feed.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/error.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Between questions whether to stop.
constexpr int pause_ms = 50;
constexpr auto drain_pause = 5ms;
/// How long the rest of a line may take once there is a reason to stop.
constexpr auto line_patience = 2s;

}  // namespace

LineFeed::Kind LineFeed::kind_of(int fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return Kind::other;
    if (S_ISREG(info.st_mode)) return Kind::file;
    if (S_ISFIFO(info.st_mode)) return Kind::pipe;
    return S_ISSOCK(info.st_mode) ? Kind::socket : Kind::other;
}

LineFeed::LineFeed(int fd, int pipe_end, const LineMark& start)
    : fd_(fd), pipe_end_(pipe_end), kind_(kind_of(fd)), taken_(start) {
    if (kind_ != Kind::pipe) return;
    const auto path = fmt::format("/proc/self/fd/{}", fd);
    own_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (own_) fd_ = own_.get();
}

bool LineFeed::gone(std::chrono::milliseconds wait) const {
    struct pollfd poller {
        fd_, 0, 0
    };
    const auto ready = ::poll(&poller, 1, static_cast<int>(wait.count()));
    return ready > 0 && (poller.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

bool LineFeed::wait_writable(Outcome& outcome) const {
    struct pollfd poller {
        fd_, POLLOUT, 0
    };
    if (::poll(&poller, 1, pause_ms) <= 0) return false;
    if ((poller.revents & (POLLERR | POLLHUP)) != 0) outcome = Outcome::closed;
    return outcome == Outcome::written;
}

LineFeed::Outcome LineFeed::write_up_to(std::string_view text, std::size_t end,
                                        std::size_t& written, const Ask& ask) {
    // poll(2) promises room for PIPE_BUF bytes; a larger write may block.
    const bool may_block = kind_ != Kind::file && !own_;
    bool wait_first = may_block;
    while (written < end) {
        if (const auto wish = ask(); wish != Wish::go_on) {
            return wish == Wish::stop ? finish_line(text, written) : Outcome::stopped;
        }
        auto outcome = Outcome::written;
        if (wait_first && !wait_writable(outcome)) {
            if (outcome != Outcome::written) return outcome;
            continue;
        }
        const auto left = end - written;
        const auto size = may_block ? std::min<std::size_t>(left, PIPE_BUF) : left;
        const auto n = ::write(fd_, text.data() + written, size);
        if (n >= 0) {
            written += static_cast<std::size_t>(n);
            written_ += static_cast<std::uint64_t>(n);
        } else if (errno == EAGAIN) {
            wait_first = true;
        } else if (errno != EINTR) {
            error_ = errno;
            return errno == EPIPE ? Outcome::closed : Outcome::failed;
        }
    }
    return Outcome::written;
}

LineFeed::Outcome LineFeed::finish_line(std::string_view text, std::size_t& written) {
    if (written == 0 || text[written - 1] == '\n') return Outcome::stopped;
    const auto until = Clock::now() + line_patience;
    const auto outcome = write_up_to(text, text.find('\n', written) + 1, written, [until] {
        return Clock::now() < until ? Wish::go_on : Wish::stop_at_once;
    });
    return outcome == Outcome::written ? Outcome::stopped : outcome;
}

LineFeed::Outcome LineFeed::write(const LineBatch& batch, const Ask& ask) {
    const auto before = written_;
    for (auto mark : batch.marks) {
        mark.end += before;
        if (!marks_.empty() && marks_.back().end == mark.end) {
            marks_.back() = mark;
        } else {
            marks_.push_back(mark);
        }
    }
    std::size_t written = 0;
    return write_up_to(batch.text, batch.text.size(), written, ask);
}

/// Bytes that were written and that nobody has read yet. Where others write into the same pipe,
/// theirs count, too: that is the safe side.
std::uint64_t LineFeed::pending() const {
    int bytes = 0;
    if (kind_ == Kind::pipe && ::ioctl(pipe_end_, FIONREAD, &bytes) != 0) return written_;
    if (kind_ == Kind::socket && ::ioctl(fd_, SIOCOUTQ, &bytes) != 0) bytes = 0;
    return static_cast<std::uint64_t>(std::max(bytes, 0));
}

const LineMark& LineFeed::taken() {
    const auto waiting = pending();
    const auto out = written_ - std::min(written_, waiting);
    if (marks_.empty() || marks_.front().end > out) return taken_;
    if (kind_ == Kind::file && ::fdatasync(fd_) != 0 && errno != EINVAL) {
        throw Error(ExitCode::failure, "cannot write to stdout: " + errno_text(errno));
    }
    while (!marks_.empty() && marks_.front().end <= out) {
        taken_ = marks_.front();
        marks_.pop_front();
    }
    return taken_;
}

void LineFeed::drain(const Ask& ask) {
    for (;;) {
        // In this order: what a reader takes before it goes is taken.
        const bool is_gone = gone(0ms);
        if (pending() == 0 || is_gone || ask() != Wish::go_on) return;
        gone(drain_pause);
    }
}

}  // namespace pwh::commands
