// SPDX-License-Identifier: Apache-2.0
#include "net/event_loop.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>

namespace pwh::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct EventLoop::State {
    // The hint says that one thread runs the loop; posting from others stays safe.
    asio::io_context context{1};
    std::list<asio::signal_set> signals;
};

struct EventLoop::Timer::State : std::enable_shared_from_this<EventLoop::Timer::State> {
    explicit State(asio::io_context& context) : timer(context) {}

    void wait(std::chrono::milliseconds delay) {
        timer.expires_after(delay);
        timer.async_wait([self = shared_from_this()](error_code error) {
            if (error || self->cancelled) return;
            if (self->period.count() > 0) self->wait(self->period);
            self->task();
        });
    }

    asio::steady_timer timer;
    std::function<void()> task;
    std::chrono::milliseconds period{0};
    bool cancelled = false;
};

EventLoop::Timer::Timer() = default;
EventLoop::Timer::Timer(Timer&&) noexcept = default;

EventLoop::Timer& EventLoop::Timer::operator=(Timer&& other) noexcept {
    if (this != &other) {
        const Timer ended(std::move(*this));
        state_ = std::move(other.state_);
    }
    return *this;
}

EventLoop::Timer::~Timer() {
    if (!state_) return;
    state_->cancelled = true;
    state_->timer.cancel();
}

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
    state_->context.run();
}
void EventLoop::stop() {
    state_->context.stop();
}

void EventLoop::post(std::function<void()> task) {
    asio::post(state_->context, std::move(task));
}

EventLoop::Timer EventLoop::after(std::chrono::milliseconds delay, std::function<void()> task) {
    Timer timer;
    timer.state_ = std::make_shared<Timer::State>(state_->context);
    timer.state_->task = std::move(task);
    timer.state_->wait(delay);
    return timer;
}

EventLoop::Timer EventLoop::every(std::chrono::milliseconds period, std::function<void()> task) {
    Timer timer;
    timer.state_ = std::make_shared<Timer::State>(state_->context);
    timer.state_->task = std::move(task);
    timer.state_->period = period;
    timer.state_->wait(period);
    return timer;
}

namespace {

void wait_for(asio::signal_set& set, std::function<void(int)> handler) {
    set.async_wait([&set, handler = std::move(handler)](error_code error, int signal) {
        if (error) return;
        wait_for(set, handler);
        handler(signal);
    });
}

}  // namespace

void EventLoop::on_signals(std::initializer_list<int> signals, std::function<void(int)> handler) {
    auto& set = state_->signals.emplace_back(state_->context);
    for (const int signal : signals) set.add(signal);
    wait_for(set, std::move(handler));
}

asio::io_context& EventLoop::context() {
    return state_->context;
}

}  // namespace pwh::net
