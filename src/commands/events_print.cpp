// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <limits>

#include "commands/events_job.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Outcome = LineFeed::Outcome;
using Wish = LineFeed::Wish;

/// What is repeated after a kill is what was taken in that time, and what lay in the pipe.
constexpr auto save_pause = 500ms;
/// How long a reader has to empty the pipe once there is a reason to stop.
constexpr auto drain_patience = 2s;
constexpr int large_pipe = 256 << 10;

/// Lines into stdout; with a cursor file, what was taken is remembered.
class Printing {
  public:
    explicit Printing(EventsJob& job)
        : job_(job),
          lines_(job.reader(), job.lines(), job.context().diagnostics),
          feed_(STDOUT_FILENO, STDOUT_FILENO, {0, job.start(), 0}) {
        // With a cursor file, less in the pipe is less to repeat.
        if (!job.has_cursor()) ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, large_pipe);
    }

    int run() {
        const auto last = job_.options().follow ? std::numeric_limits<std::int64_t>::max()
                                                : job_.reader().last_id();
        lines_.start(job_.start(), last, 0);
        auto outcome = Outcome::written;
        try {
            outcome = copy();
        } catch (const Error&) {
            remember(true);
            throw;
        }
        return finish(outcome);
    }

  private:
    Outcome copy() {
        for (;;) {
            const auto state = lines_.fill(batch_);
            auto outcome = feed_.write(batch_, [this] { return on_pause(); });
            if (outcome != Outcome::written) return outcome;
            if (state == EventLines::State::more) {
                if (on_pause() != Wish::go_on) return Outcome::stopped;
                continue;
            }
            if (state == EventLines::State::finished || !job_.options().follow) return outcome;
            if (!wait_for_news(outcome)) return outcome;
        }
    }

    /// False where there is a reason to end.
    bool wait_for_news(Outcome& outcome) {
        while (!job_.reader().changed()) {
            if (on_pause() != Wish::go_on) {
                outcome = Outcome::stopped;
            } else if (feed_.gone(follow_pause)) {
                outcome = Outcome::closed;
            } else if (!job_.past_until()) {
                continue;
            }
            return false;
        }
        return true;
    }

    Wish on_pause() {
        if (job_.has_cursor() && Clock::now() >= next_save_) {
            job_.save(feed_.taken().position);
            next_save_ = Clock::now() + save_pause;
        }
        return job_.ending() ? Wish::stop : Wish::go_on;
    }

    /// Waits for the reader to take what is left; a while at most where there is a reason to stop.
    void remember(bool hurry) {
        if (!job_.has_cursor()) return;
        const auto until = Clock::now() + drain_patience;
        feed_.drain([this, hurry, until] {
            const bool late = hurry ? Clock::now() >= until : job_.signal() != 0;
            if (!late) on_pause();
            return late ? Wish::stop : Wish::go_on;
        });
        job_.save(feed_.taken().position);
    }

    int finish(Outcome outcome) {
        if (outcome == Outcome::closed && !job_.has_cursor()) {
            // As other programs in a pipe end, without a word.
            end_by_signal(SIGPIPE);
            return 128 + SIGPIPE;
        }
        remember(outcome != Outcome::written || job_.signal() != 0);
        if (outcome == Outcome::failed) {
            throw Error(ExitCode::failure, "cannot write to stdout: " + errno_text(feed_.error()));
        }
        job_.check_interrupted(lines_.events());
        if (!job_.has_cursor() || feed_.all_taken()) return static_cast<int>(ExitCode::ok);
        const auto count = feed_.taken().events;
        if (outcome == Outcome::closed || feed_.gone(0ms)) {
            throw Error(ExitCode::failure,
                        fmt::format("who reads stdout is gone after {} events", count),
                        "the cursor file remembers those; the next run goes on from there");
        }
        job_.context().diagnostics.warning(
            fmt::format("who reads stdout has taken {} of {} events in time; the rest comes again",
                        count, lines_.events()));
        return static_cast<int>(ExitCode::ok);
    }

    EventsJob& job_;
    EventLines lines_;
    LineFeed feed_;
    LineBatch batch_;
    Clock::time_point next_save_ = Clock::now() + save_pause;
};

}  // namespace

int print_events(EventsJob& job) {
    return Printing(job).run();
}

}  // namespace pwh::commands
