// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/diagnostics.hpp"
#include "commands/line_feed.hpp"
#include "receiver/lines.hpp"
#include "store/event_reader.hpp"

namespace pwh::commands {

struct EventLinesOptions {
    store::EventQuery query;
    receiver::LineFormat format = receiver::LineFormat::event;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  ///< events
    /// Goes no further than the first message received then or later, which a position must not
    /// skip: it is wanted when until_ms is another.
    std::optional<std::int64_t> stop_ms;
    /// Marks each line, not only the last.
    bool marks = false;
};

/// Makes the lines of stored events, oldest first, a batch at a time.
class EventLines {
  public:
    enum class State {
        more,
        caught_up,  ///< no more is stored at present, or up to the bound
        finished,   ///< the limit is reached, or stop_ms
    };

    EventLines(store::EventReader& reader, EventLinesOptions options,
               const Diagnostics& diagnostics)
        : reader_(reader),
          options_(std::move(options)),
          diagnostics_(diagnostics),
          writer_(options_.format) {}

    /// Goes on at `position`, and up to the message `last`. `events`: so many were made before.
    void start(store::EventPosition position, std::int64_t last, std::uint64_t events);
    /// Moves the bound further.
    void extend(std::int64_t last) { last_ = last; }

    /// Makes a batch, which may be empty; soon done also where little is wanted.
    State fill(LineBatch& batch);
    /// How many events the lines since the start hold.
    std::uint64_t events() const { return events_; }
    /// All that is wanted up to here is made.
    store::EventPosition position() const { return position_; }

  private:
    State turn_page(LineBatch& batch);
    State add_message(LineBatch& batch);
    State add_events(const store::StoredMessage& message, LineBatch& batch);
    void add_whole(const store::StoredMessage& message, LineBatch& batch);
    bool open_message(const store::StoredMessage& message);
    bool is_wanted(std::size_t event);
    void advance(store::EventPosition position, LineBatch& batch);

    store::EventReader& reader_;
    EventLinesOptions options_;
    const Diagnostics& diagnostics_;
    receiver::LineWriter writer_;
    std::array<char, 2 * std::tuple_size_v<crypto::Digest>> message_id_{};
    store::Page page_;
    std::size_t next_ = 0;      ///< in the page
    bool open_ = false;         ///< the writer has read the next message
    std::size_t event_ = 0;     ///< the next of the open message
    std::int64_t reached_ = 0;  ///< by pages
    std::int64_t last_ = 0;
    store::EventPosition position_;
    std::uint64_t events_ = 0;
};

}  // namespace pwh::commands
