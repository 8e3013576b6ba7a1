// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace pwh::receiver {

enum class LineFormat {
    event,    ///< one line for each event of a message
    message,  ///< one line for each message: the body as it came
};

/// The lines of one message, as cli.md's "Lines" has them.
struct Lines {
    std::string text;        ///< whole lines, each one JSON text
    std::size_t events = 0;  ///< how many events they hold
};

/// Turns a message into lines by splicing its text: values are never altered, and no document is
/// built. Keeps its buffers from one message to the next. One object belongs to one thread at a
/// time.
class LineWriter {
  public:
    /// What one message may grow to when its fields are repeated for each of its events.
    static constexpr std::size_t max_text = 64U << 20U;

    explicit LineWriter(LineFormat format) : format_(format) {}

    /// Reads a message. False when it is not JSON. The body has to stay where it is until write().
    bool read(std::string_view body);
    /// The message's `trigger`; empty when it has none.
    const std::string& trigger() const { return trigger_; }
    /// Its `subscriptionId`, likewise.
    const std::string& subscription() const { return subscription_; }
    /// True when write() is sure to be; may be false for a message that just fits.
    bool fits() const;
    /// The lines of the message that was read. `received_at` and `message_id` go into them as they
    /// are. False when they would be longer than max_text.
    bool write(std::string_view received_at, std::string_view message_id, Lines& lines);

    /// How many events the message holds. One without an array of events counts as one.
    std::size_t events() const { return has_events_ ? entries_.size() : 1; }
    /// What the line of an event says as `entityRef`; empty when that is no text.
    std::string_view reference(std::size_t event);
    /// Appends the line of one event; with LineFormat::message that of the message, whatever the
    /// event.
    void append_line(std::string_view received_at, std::string_view message_id, std::size_t event,
                     std::string& out);

  private:
    struct Member {
        std::string_view name;   ///< raw, with quotes
        std::string_view key;    ///< decoded: what is compared
        std::string_view value;  ///< raw
    };
    struct Entry {
        std::string_view value;  ///< raw; of an entry that is no object
        std::size_t first = 0;   ///< its members in entry_members_
        std::size_t last = 0;
        bool is_object = false;
    };
    class Scan;

    void reset(std::string_view body);
    std::string_view key_of(std::string_view raw);
    bool overridden(const Member& member, const Entry& entry);
    const Member* find_reference(std::size_t event) const;
    void append_event(std::string& out, std::size_t event);
    void append_message_fields(std::string& out, const Entry* entry);
    void append_entry(std::string& out, const Entry& entry);
    void append_member(std::string& out, const Member& member);
    void append_named_value(std::string& out, std::string_view value) const;
    void append_value(std::string& out, std::string_view value) const;

    LineFormat format_;
    std::string_view body_;
    std::string_view whole_;  ///< the message where it is no object
    std::vector<Member> fields_;
    std::vector<Member> entry_members_;
    std::vector<Entry> entries_;
    std::deque<std::string> decoded_;  ///< keys that were written with escapes
    std::string trigger_;
    std::string subscription_;
    bool has_events_ = false;
    bool has_breaks_ = false;
};

}  // namespace pwh::receiver
