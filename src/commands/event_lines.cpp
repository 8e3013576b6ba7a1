// SPDX-License-Identifier: Apache-2.0
#include "commands/event_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "store/event_index.hpp"
#include "text/hex.hpp"
#include "text/time.hpp"

namespace pwh::commands {

namespace {

constexpr std::size_t full_batch = 256U << 10U;

}  // namespace

void EventLines::start(store::EventPosition position, std::int64_t last, std::uint64_t events) {
    position_ = position;
    reached_ = position.message - 1;
    last_ = last;
    events_ = events;
    page_ = {};
    next_ = 0;
    open_ = false;
}

EventLines::State EventLines::fill(LineBatch& batch) {
    batch.clear();
    auto state = State::more;
    while (state == State::more && batch.text.size() < full_batch) {
        if (next_ < page_.messages.size()) {
            state = add_message(batch);
            continue;
        }
        state = turn_page(batch);
        if (page_.messages.empty()) break;
    }
    return state;
}

EventLines::State EventLines::turn_page(LineBatch& batch) {
    advance({std::min(reached_, last_) + 1, 0}, batch);
    // The end of a page is looked at once: the next look at the store may find more.
    if (reached_ >= last_ || std::exchange(page_.end, false)) return State::caught_up;
    reader_.read(options_.query, reached_, page_);
    next_ = 0;
    reached_ = page_.reached;
    return State::more;
}

EventLines::State EventLines::add_message(LineBatch& batch) {
    if (events_ >= options_.limit) return State::finished;
    const auto& message = page_.messages[next_];
    if (message.id > last_) {
        advance({last_ + 1, 0}, batch);
        return State::caught_up;
    }
    if (options_.stop_ms && message.received_ms >= *options_.stop_ms) {
        advance({message.id, 0}, batch);
        return State::finished;
    }
    if (open_message(message)) {
        if (options_.format == receiver::LineFormat::message) {
            add_whole(message, batch);
        } else if (const auto state = add_events(message, batch); event_ < writer_.events()) {
            return state;
        }
    }
    open_ = false;
    ++next_;
    advance({message.id + 1, 0}, batch);
    return events_ >= options_.limit ? State::finished : State::more;
}

/// False for what can't be: a message that is not JSON was never stored.
bool EventLines::open_message(const store::StoredMessage& message) {
    if (open_) return true;
    open_ = writer_.read(message.body);
    if (!open_) {
        diagnostics_.warning(fmt::format("message {} of the store is not JSON", message.id),
                             "the file may be damaged: look with sqlite3 FILE 'PRAGMA "
                             "integrity_check'");
    }
    event_ = position_.message == message.id ? position_.events : 0;
    return open_;
}

EventLines::State EventLines::add_events(const store::StoredMessage& message, LineBatch& batch) {
    text::put_hex(message.message_id, message_id_.data());
    const std::string_view message_id(message_id_.data(), message_id_.size());
    const auto received_at =
        text::rfc3339(WallTime(std::chrono::milliseconds(message.received_ms)));
    for (; event_ < writer_.events(); ++event_) {
        if (events_ >= options_.limit) return State::finished;
        if (batch.text.size() >= full_batch) return State::more;
        if (!is_wanted(event_)) continue;
        writer_.append_line(received_at, message_id, event_, batch.text);
        ++events_;
        advance({message.id, event_ + 1}, batch);
    }
    return State::more;
}

void EventLines::add_whole(const store::StoredMessage& message, LineBatch& batch) {
    bool wanted = options_.query.reference.empty();
    for (std::size_t event = 0; !wanted && event < writer_.events(); ++event) {
        wanted = is_wanted(event);
    }
    if (!wanted) return;
    writer_.append_line({}, {}, 0, batch.text);
    events_ += writer_.events();
    advance({message.id, writer_.events()}, batch);
}

bool EventLines::is_wanted(std::size_t event) {
    return options_.query.reference.empty() ||
           store::same_reference(writer_.reference(event), options_.query.reference);
}

void EventLines::advance(store::EventPosition position, LineBatch& batch) {
    position_ = std::max(position_, position);
    if (!options_.marks) return;
    const LineMark mark{batch.text.size(), position_, events_};
    if (!batch.marks.empty() && batch.marks.back().end == mark.end) {
        batch.marks.back() = mark;
    } else {
        batch.marks.push_back(mark);
    }
}

}  // namespace pwh::commands
