// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "base/diagnostics.hpp"
#include "receiver/line_output.hpp"
#include "receiver/lines.hpp"
#include "receiver/recent_messages.hpp"
#include "store/event_reader.hpp"

namespace pwh::receiver {

/// Prints what is committed to an event store, behind those who commit and without holding them up:
/// it works on a thread of its own, and reads from the store what stdout did not take at once:
/// however slow stdout is, nothing is dropped and no memory is used up. When stdout goes, that is a
/// warning.
class Follower {
  public:
    /// Prints the messages with ids above `after`. Throws DatabaseError.
    Follower(const std::filesystem::path& store, std::int64_t after, LineFormat format, int fd,
             const Diagnostics& diagnostics);
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower();

    /// Messages up to this id are in the store, `newest` the last of them; without them, they are
    /// read there. From any thread.
    void committed(std::span<const store::NewMessage> newest, std::int64_t last_id);
    /// True when all that was committed is printed, or nothing can be printed any more.
    bool finished();
    /// Ends, and says how much was not printed. Once nothing more is committed.
    void finish();

  private:
    using Outcome = LineOutput::Outcome;

    void run();
    Outcome print(std::int64_t up_to);
    Outcome print_page();
    bool take_recent();
    std::string_view timestamp(std::int64_t ms);
    void join();

    store::EventReader reader_;
    LineWriter lines_;
    LineOutput output_;
    const Diagnostics& diagnostics_;
    store::Page page_;
    Lines line_;
    std::string text_;
    std::string timestamp_;
    std::int64_t timestamp_ms_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    RecentMessages recent_;
    std::int64_t stored_;
    std::int64_t printed_;
    bool waiting_ = false;  ///< for a commit
    bool finishing_ = false;
    bool closed_ = false;  ///< stdout takes no more
    std::thread thread_;
};

}  // namespace pwh::receiver
