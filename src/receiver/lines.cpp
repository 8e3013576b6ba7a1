// SPDX-License-Identifier: Apache-2.0
#include "receiver/lines.hpp"

#include <algorithm>
#include <unordered_set>

#include "receiver/json_scanner.hpp"

namespace pwh::receiver {

namespace {

/// Up to here a search from the start is faster than a set.
constexpr std::size_t few_members = 32;

bool is_reserved(std::string_view key) {
    return key == "receivedAt" || key == "messageId";
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
            if (top && key == "trigger") {
                writer_.trigger_ =
                    value->front() == '"' ? decode_json_string(*value) : std::string();
            }
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
    has_events_ = false;
    has_breaks_ = body.find_first_of("\r\n") != std::string_view::npos;
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
        out += ",\"value\":";
        append_value(out, entry.value);
        return;
    }
    for (auto i = entry.first; i < entry.last; ++i) {
        if (!is_reserved(entry_members_[i].key)) append_member(out, entry_members_[i]);
    }
}

bool LineWriter::write(std::string_view received_at, std::string_view message_id, Lines& lines) {
    lines.text.clear();
    lines.events = has_events_ ? entries_.size() : 1;
    if (format_ == LineFormat::message) {
        append_value(lines.text, body_);
        lines.text += '\n';
        return true;
    }
    std::string start = R"({"receivedAt":")";
    start.append(received_at).append(R"(","messageId":")").append(message_id).append("\"");
    if (!has_events_) {
        lines.text = start;
        if (whole_.empty()) {
            append_message_fields(lines.text, nullptr);
        } else {
            lines.text += ",\"value\":";
            append_value(lines.text, whole_);
        }
        lines.text += "}\n";
        return true;
    }
    if (entries_.size() == 1) lines.text.reserve(start.size() + body_.size() + 2);
    for (const auto& entry : entries_) {
        lines.text += start;
        append_message_fields(lines.text, &entry);
        append_entry(lines.text, entry);
        lines.text += "}\n";
        if (lines.text.size() > max_text) return false;
    }
    return true;
}

}  // namespace pwh::receiver
