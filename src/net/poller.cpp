// SPDX-License-Identifier: Apache-2.0
#include "net/poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <span>

#include "base/error.hpp"
#include "base/file.hpp"

namespace pwh::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t most_at_once = 128;

[[noreturn]] void fail(int error) {
    throw Error(ExitCode::failure, "cannot watch connections: " + errno_text(error));
}

Poller::Ready ready_of(std::uint32_t events) {
    const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    Poller::Ready ready;
    ready.ended = failed || (events & EPOLLRDHUP) != 0;
    ready.readable = ready.ended || (events & EPOLLIN) != 0;
    ready.writable = failed || (events & EPOLLOUT) != 0;
    return ready;
}

}  // namespace

struct Poller::State : std::enable_shared_from_this<Poller::State> {
    explicit State(EventLoop& loop) : set(loop.context()) {
        UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
        if (!fd) fail(errno);
        error_code error;
        set.assign(fd.get(), error);
        if (error) fail(error.value());
        fd.release();
    }

    void wait() {
        set.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](error_code error) {
                           if (!error && self->set.is_open()) self->tell();
                       });
    }

    void tell() {
        const int count = ::epoll_wait(set.native_handle(), events.data(), most_at_once, 0);
        told = std::span(events).first(count > 0 ? static_cast<std::size_t>(count) : 0);
        for (const auto& event : told) {
            if (event.data.ptr != nullptr)
                static_cast<Watcher*>(event.data.ptr)->on_ready(ready_of(event.events));
        }
        told = {};
        if (set.is_open()) wait();
    }

    /// Also of what was fetched, and is not told yet.
    void forget(const Watcher& watcher) {
        for (auto& event : told) {
            if (event.data.ptr == &watcher) event.data.ptr = nullptr;
        }
    }

    int control(int operation, int fd, Watcher* watcher) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = watcher;
        return ::epoll_ctl(set.native_handle(), operation, fd, &event);
    }

    asio::posix::stream_descriptor set;
    std::array<epoll_event, most_at_once> events{};
    std::span<epoll_event> told;  ///< of events, while they are told
};

Poller::Poller(EventLoop& loop) : state_(std::make_shared<State>(loop)) {
    state_->wait();
}

Poller::~Poller() {
    error_code ignored;
    state_->set.close(ignored);
}

bool Poller::add(int fd, Watcher& watcher) {
    return state_->control(EPOLL_CTL_ADD, fd, &watcher) == 0;
}

void Poller::again(int fd, Watcher& watcher) {
    state_->control(EPOLL_CTL_MOD, fd, &watcher);
}

void Poller::remove(int fd, const Watcher& watcher) {
    state_->control(EPOLL_CTL_DEL, fd, nullptr);
    state_->forget(watcher);
}

}  // namespace pwh::net
