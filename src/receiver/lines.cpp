// SPDX-License-Identifier: Apache-2.0
#include "receiver/lines.hpp"

#include <algorithm>
#include <unordered_set>

#include "receiver/json_scanner.hpp"

namespace pwh::receiver {

namespace {

/// Up to here a search from the start is faster than a set.
constexpr std::size_t few_members = 32;

/// The name of an entry or a message that is no object.
constexpr std::string_view value_key = "value";

/// At most what is before a line's own members, and behind them.
constexpr std::size_t line_start = 192;

constexpr std::string_view reference_key = "entityRef";

/// What a raw value says, if it is a string.
void take_text(std::string_view value, std::string& text) {
    if (!value.starts_with('"')) {
        text.clear();
    } else if (value.find('\\') == std::string_view::npos) {
        text = value.substr(1, value.size() - 2);
    } else {
        text = decode_json_string(value);
    }
}

bool is_reserved(std::string_view key) {
    return key == "receivedAt" || key == "messageId";
}

void append_start(std::string_view received_at, std::string_view message_id, std::string& out) {
    out.append(R"({"receivedAt":")").append(received_at);
    out.append(R"(","messageId":")").append(message_id).append("\"");
}

}  // namespace

/// One pass over a message: checks all of it and notes where its members are.
class LineWriter::Scan {
  public:
    Scan(LineWriter& writer, std::string_view body) : writer_(writer), scanner_(body) {}

    bool message() {
        if (scanner_.peek() == '{') {
            if (!object(writer_.fields_, true)) return false;
        } else {
            const auto value = scanner_.value();
            if (!value) return false;
            writer_.whole_ = *value;
        }
        return scanner_.at_end();
    }

  private:
    bool object(std::vector<Member>& members, bool top) {
        scanner_.take('{');
        if (scanner_.take('}')) return true;
        do {
            const auto name = scanner_.string();
            if (!name || !scanner_.take(':')) return false;
            const auto key = writer_.key_of(*name);
            if (top && key == "events") {
                if (!events(*name, key)) return false;
                continue;
            }
            const auto value = scanner_.value();
            if (!value) return false;
            members.push_back({*name, key, *value});
            if (top && key == "trigger") take_text(*value, writer_.trigger_);
            if (top && key == "subscriptionId") take_text(*value, writer_.subscription_);
        } while (scanner_.take(','));
        return scanner_.take('}');
    }

    /// The member `events`. Where it comes twice, the last counts, as in every JSON parser that
    /// users have.
    bool events(std::string_view name, std::string_view key) {
        writer_.entries_.clear();
        writer_.entry_members_.clear();
        std::erase_if(writer_.fields_, [](const Member& member) { return member.key == "events"; });
        writer_.has_events_ = scanner_.peek() == '[';
        if (!writer_.has_events_) {
            const auto value = scanner_.value();
            if (value) writer_.fields_.push_back({name, key, *value});
            return value.has_value();
        }
        scanner_.take('[');
        if (scanner_.take(']')) return true;
        do {
            Entry entry;
            entry.is_object = scanner_.peek() == '{';
            entry.first = writer_.entry_members_.size();
            if (entry.is_object) {
                if (!object(writer_.entry_members_, false)) return false;
            } else {
                const auto value = scanner_.value();
                if (!value) return false;
                entry.value = *value;
            }
            entry.last = writer_.entry_members_.size();
            writer_.entries_.push_back(entry);
        } while (scanner_.take(','));
        return scanner_.take(']');
    }

    LineWriter& writer_;
    JsonScanner scanner_;
};

void LineWriter::reset(std::string_view body) {
    // A huge message must not keep its memory for ever.
    constexpr std::size_t worth_keeping = 4096;
    if (entry_members_.capacity() > worth_keeping) entry_members_ = {};
    if (entries_.capacity() > worth_keeping) entries_ = {};
    if (fields_.capacity() > worth_keeping) fields_ = {};
    body_ = body;
    whole_ = {};
    fields_.clear();
    entry_members_.clear();
    entries_.clear();
    decoded_.clear();
    trigger_.clear();
    subscription_.clear();
    has_events_ = false;
    // Two searches: find_first_of() calls memchr() for every byte.
    has_breaks_ =
        body.find('\n') != std::string_view::npos || body.find('\r') != std::string_view::npos;
}

bool LineWriter::read(std::string_view body) {
    reset(body);
    return Scan(*this, body).message();
}

std::string_view LineWriter::key_of(std::string_view raw) {
    if (raw.find('\\') == std::string_view::npos) return raw.substr(1, raw.size() - 2);
    return decoded_.emplace_back(decode_json_string(raw));
}

bool LineWriter::overridden(const Member& member, const Entry& entry) {
    if (!entry.is_object) return member.key == value_key;
    const auto first = entry_members_.begin() + static_cast<std::ptrdiff_t>(entry.first);
    const auto last = entry_members_.begin() + static_cast<std::ptrdiff_t>(entry.last);
    return std::any_of(first, last, [&](const Member& own) { return own.key == member.key; });
}

/// JSON has no raw line break within a string, so every one stands between tokens.
void LineWriter::append_value(std::string& out, std::string_view value) const {
    if (!has_breaks_) {
        out += value;
        return;
    }
    std::copy_if(value.begin(), value.end(), std::back_inserter(out),
                 [](char c) { return c != '\r' && c != '\n'; });
}

void LineWriter::append_member(std::string& out, const Member& member) {
    out += ',';
    out += member.name;
    out += ':';
    append_value(out, member.value);
}

void LineWriter::append_named_value(std::string& out, std::string_view value) const {
    out.append(",\"").append(value_key).append("\":");
    append_value(out, value);
}

void LineWriter::append_message_fields(std::string& out, const Entry* entry) {
    const bool many = entry != nullptr && entry->last - entry->first > few_members;
    std::unordered_set<std::string_view> own;
    if (many) {
        for (auto i = entry->first; i < entry->last; ++i) own.insert(entry_members_[i].key);
    }
    for (const auto& member : fields_) {
        if (is_reserved(member.key)) continue;
        if (entry != nullptr && (many ? own.contains(member.key) : overridden(member, *entry)))
            continue;
        append_member(out, member);
    }
}

void LineWriter::append_entry(std::string& out, const Entry& entry) {
    if (!entry.is_object) {
        append_named_value(out, entry.value);
        return;
    }
    for (auto i = entry.first; i < entry.last; ++i) {
        if (!is_reserved(entry_members_[i].key)) append_member(out, entry_members_[i]);
    }
}

void LineWriter::append_event(std::string& out, std::size_t event) {
    if (has_events_) {
        append_message_fields(out, &entries_[event]);
        append_entry(out, entries_[event]);
    } else if (whole_.empty()) {
        append_message_fields(out, nullptr);
    } else {
        append_named_value(out, whole_);
    }
    out += "}\n";
}

bool LineWriter::fits() const {
    std::size_t repeated = line_start;
    for (const auto& field : fields_) repeated += field.name.size() + field.value.size() + 2;
    return body_.size() + events() * repeated <= max_text;
}

bool LineWriter::write(std::string_view received_at, std::string_view message_id, Lines& lines) {
    lines.text.clear();
    lines.events = events();
    if (format_ == LineFormat::message) {
        append_line(received_at, message_id, 0, lines.text);
        return true;
    }
    if (lines.events == 1) lines.text.reserve(body_.size() + line_start);
    for (std::size_t event = 0; event < lines.events; ++event) {
        append_line(received_at, message_id, event, lines.text);
        if (lines.text.size() > max_text) return false;
    }
    return true;
}

void LineWriter::append_line(std::string_view received_at, std::string_view message_id,
                             std::size_t event, std::string& out) {
    if (format_ == LineFormat::message) {
        append_value(out, body_);
        out += '\n';
        return;
    }
    append_start(received_at, message_id, out);
    append_event(out, event);
}

const LineWriter::Member* LineWriter::find_reference(std::size_t event) const {
    const auto find = [](auto first, auto last) -> const Member* {
        // Of two with one name, the last counts.
        while (last != first) {
            if ((--last)->key == reference_key) return &*last;
        }
        return nullptr;
    };
    if (has_events_) {
        const auto& entry = entries_[event];
        const auto members = entry_members_.begin();
        if (const auto* own = find(members + static_cast<std::ptrdiff_t>(entry.first),
                                   members + static_cast<std::ptrdiff_t>(entry.last))) {
            return own;
        }
    }
    return find(fields_.begin(), fields_.end());
}

std::string_view LineWriter::reference(std::size_t event) {
    const auto* const member = find_reference(event);
    if (member == nullptr || member->value.front() != '"') return {};
    return key_of(member->value);
}

}  // namespace pwh::receiver
