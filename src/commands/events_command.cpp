// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/child.hpp"
#include "base/file.hpp"
#include "base/terminal.hpp"
#include "commands/events_job.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using Outcome = LineFeed::Outcome;
using Wish = LineFeed::Wish;

/// Between looks at whether a signal is to be passed on.
constexpr auto wait_pause = 50ms;

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) {
            throw Error(ExitCode::failure, "cannot make a pipe: " + errno_text(errno));
        }
        out.reset(ends[0]);
        in.reset(ends[1]);
    }

    UniqueFd out;  ///< stays open, never read: it tells what COMMAND has left in the pipe
    UniqueFd in;
};

/// COMMAND, with the lines on its stdin.
class FedCommand {
  public:
    FedCommand(const std::vector<std::string>& arguments, const LineMark& start)
        : child_({arguments, ChildEnvironment(), pipe_.out.get()}),
          code_(std::async(std::launch::async, [this] { return child_.wait(); })),
          feed_(pipe_.in.get(), pipe_.out.get(), start) {}
    FedCommand(const FedCommand&) = delete;
    FedCommand& operator=(const FedCommand&) = delete;
    /// Waits for it, also when something went wrong here.
    ~FedCommand() { close(); }

    LineFeed& feed() { return feed_; }
    bool ended() const { return code_.wait_for(0s) == std::future_status::ready; }

    /// Lets it see the end of its input, and waits. Signals that come to pwh alone are passed on.
    int finish(const EventsJob& job) {
        close();
        int passed_on = 0;
        while (code_.wait_for(wait_pause) != std::future_status::ready) {
            if (job.signal() == passed_on) continue;
            passed_on = job.signal();
            if (passed_on != SIGINT || !is_in_foreground()) child_.signal(passed_on);
        }
        return exit_code_ = code_.get();
    }

    /// After finish(): how it ended, in words.
    std::string end() const {
        if (const int signal = child_.ended_by()) {
            return fmt::format("was ended by signal {}", signal);
        }
        return fmt::format("ended with {}", exit_code_);
    }

  private:
    void close() {
        feed_.close();
        pipe_.in.reset();
    }

    Pipe pipe_;
    Child child_;
    std::future<int> code_;
    int exit_code_ = 0;
    LineFeed feed_;
};

class HandingOver {
  public:
    explicit HandingOver(EventsJob& job)
        : job_(job),
          lines_(job.reader(), job.lines(), job.context().diagnostics),
          position_(job.start()) {}

    int run() {
        for (;;) {
            if (const int code = hand_over_batch()) return code;
            job_.check_interrupted(taken_events_);
            if (job_.ending() || !job_.options().follow) break;
            if (left_) continue;
            if (state_ == EventLines::State::finished || !wait_for_news()) break;
        }
        job_.check_interrupted(taken_events_);
        return static_cast<int>(ExitCode::ok);
    }

  private:
    /// What is new up to now. Returns COMMAND's exit code, 0 where it was not needed.
    int hand_over_batch() {
        left_ = false;
        lines_.start(position_, job_.reader().last_id(), taken_events_);
        do {
            state_ = lines_.fill(batch_);
        } while (batch_.text.empty() && state_ == EventLines::State::more && !job_.ending());
        if (batch_.text.empty()) {
            go_on_from(lines_.position());
            return 0;
        }
        if (job_.ending()) return 0;
        FedCommand command(job_.context().trailing, {0, position_, taken_events_});
        feed(command);
        const int code = command.finish(job_);
        if (code != 0) {
            job_.context().diagnostics.error(
                fmt::format("the command {}: its events come again", command.end()));
            return code;
        }
        settle(command.feed());
        return 0;
    }

    void feed(FedCommand& command) {
        const auto ask = [&] {
            if (command.ended()) return Wish::stop_at_once;
            return job_.ending() ? Wish::stop : Wish::go_on;
        };
        for (;;) {
            if (command.feed().write(batch_, ask) != Outcome::written) return;
            command.feed().taken();  // forgets the marks
            if (state_ != EventLines::State::more || ask() != Wish::go_on) return;
            state_ = lines_.fill(batch_);
        }
    }

    /// COMMAND has done well what it took out of the pipe; what it left is not done.
    void settle(LineFeed& feed) {
        const auto taken = feed.taken();
        const auto before = position_;
        left_ = !feed.all_taken();
        taken_events_ = taken.events;
        go_on_from(left_ ? taken.position : lines_.position());
        if (!left_ || job_.ending()) return;
        const auto what = fmt::format("the command left {}{} events unread",
                                      state_ == EventLines::State::more ? "at least " : "",
                                      lines_.events() - taken_events_);
        if (job_.options().follow && position_ == before) {
            throw Error(ExitCode::failure, what + ", which is all that it got",
                        "it gets the lines on stdin, and has to read them");
        }
        job_.context().diagnostics.warning(what + "; they come again");
    }

    void go_on_from(store::EventPosition position) {
        position_ = position;
        job_.save(position_);
    }

    /// False where there is a reason to end.
    bool wait_for_news() {
        while (!job_.reader().changed()) {
            if (job_.ending() || job_.past_until()) return false;
            std::this_thread::sleep_for(follow_pause);
        }
        return true;
    }

    EventsJob& job_;
    EventLines lines_;
    LineBatch batch_;
    store::EventPosition position_;
    EventLines::State state_ = EventLines::State::more;
    std::uint64_t taken_events_ = 0;
    bool left_ = false;  ///< some of the last batch was not taken
};

}  // namespace

int hand_over_events(EventsJob& job) {
    return HandingOver(job).run();
}

}  // namespace pwh::commands
