// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "store/cursor_file.hpp"

namespace pwh::commands {

/// How far reading has come where some of the text ends.
struct LineMark {
    std::uint64_t end = 0;  ///< bytes up to here
    store::EventPosition position;
    std::uint64_t events = 0;  ///< so many were made up to here
};

/// Whole lines, and where each ends.
struct LineBatch {
    std::string text;
    std::vector<LineMark> marks;

    void clear() {
        text.clear();
        marks.clear();
    }
};

/// Writes lines into a descriptor, and knows how many of them were taken out at its other end: a
/// pipe and a socket tell what still lies in them; what a file or a terminal was given is taken.
/// Never blocks for longer than a moment without asking whether to stop.
class LineFeed {
  public:
    enum class Outcome {
        written,
        stopped,  ///< as was asked; at the end of a line, if that could be reached soon
        closed,   ///< nobody reads any more
        failed,   ///< see error()
    };
    enum class Wish {
        go_on,
        stop,          ///< at the end of a line
        stop_at_once,  ///< nobody will read the rest of a line
    };
    /// Asked again and again while the reader is slow.
    using Ask = std::function<Wish()>;

    /// `pipe_end` is where to ask a pipe what lies in it: any end of it will do. Both stay the
    /// caller's. Reading has come to `start`.
    LineFeed(int fd, int pipe_end, const LineMark& start);

    Outcome write(const LineBatch& batch, const Ask& ask);
    int error() const { return error_; }
    /// Waits until all is taken, the reader is gone, or `ask` wishes to stop.
    void drain(const Ask& ask);
    /// Waits so long, or until the reader is gone; true when it is.
    bool gone(std::chrono::milliseconds wait) const;
    /// Lets go of the pipe, so that its reader sees the end.
    void close() { own_.reset(); }

    /// The last mark whose bytes are taken. What is in a file is on disk first. Throws
    /// Error(failure) when it can't be.
    const LineMark& taken();
    /// Whether all marks are, as of taken().
    bool all_taken() const { return marks_.empty(); }

  private:
    enum class Kind { file, pipe, socket, other };

    static Kind kind_of(int fd);
    Outcome write_up_to(std::string_view text, std::size_t end, std::size_t& written,
                        const Ask& ask);
    Outcome finish_line(std::string_view text, std::size_t& written);
    bool wait_writable(Outcome& outcome) const;
    std::uint64_t pending() const;

    int fd_;
    int pipe_end_;
    Kind kind_;
    /// The same pipe, opened again: not to block is a property of what was opened, which others
    /// share.
    UniqueFd own_;
    std::uint64_t written_ = 0;
    std::deque<LineMark> marks_;  ///< not yet taken
    LineMark taken_;
    int error_ = 0;
};

}  // namespace pwh::commands
