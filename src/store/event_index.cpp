// SPDX-License-Identifier: Apache-2.0
#include "store/event_index.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace pwh::store {

namespace {

constexpr unsigned offset_bits = 16;
constexpr std::uint64_t offset_mask = 0xffff;
constexpr std::int64_t ms_per_day = 86'400'000;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view last_part(std::string_view reference) {
    const auto slash = reference.rfind('/');
    return slash == std::string_view::npos ? reference : reference.substr(slash + 1);
}

bool same_letters(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

/// Lists are stored as little-endian numbers, whatever the machine.
template <typename Number>
void append_number(std::string& out, Number number) {
    for (unsigned shift = 0; shift < 8 * sizeof(Number); shift += 8) {
        out += static_cast<char>((std::uint64_t{number} >> shift) & 0xffU);
    }
}

template <typename Number>
Number number_at(std::string_view list, std::size_t index) {
    Number number = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;) {
        const auto byte = static_cast<unsigned char>(list[index * sizeof(Number) + i]);
        number = static_cast<Number>((std::uint64_t{number} << 8U) | byte);
    }
    return number;
}

/// The part of a key that a list keeps. The bucket is told by the lowest bits.
std::uint64_t kept(std::uint64_t key) {
    return key >> offset_bits;
}

}  // namespace

std::int64_t day_of(std::int64_t ms) {
    return (ms >= 0 ? ms : ms - ms_per_day + 1) / ms_per_day;
}

std::uint64_t reference_key(std::string_view reference) {
    // FNV-1a, then a mix that spreads it over all bits (the finisher of SplitMix64). Written into
    // files: not to be changed.
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : last_part(reference)) {
        hash = (hash ^ static_cast<unsigned char>(lower(c))) * 0x100000001b3U;
    }
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
    return hash ^ (hash >> 31U);
}

bool same_reference(std::string_view reference, std::string_view wanted) {
    if (same_letters(reference, wanted)) return true;
    return wanted.find('/') == std::string_view::npos && same_letters(last_part(reference), wanted);
}

void Segment::add(const Message& message, const std::vector<std::uint64_t>& reference_keys) {
    if (empty()) {
        first_ = message.id;
        earliest_ms_ = latest_ms_ = message.received_ms;
    }
    last_ = message.id;
    earliest_ms_ = std::min(earliest_ms_, message.received_ms);
    latest_ms_ = std::max(latest_ms_, message.received_ms);
    ++messages_;
    events_ += message.events;
    bytes_ += message.bytes;
    const auto offset = static_cast<std::uint16_t>(message.id - first_);
    for (const auto key : reference_keys) {
        references_[bucket_of(key)].push_back((kept(key) << offset_bits) | offset);
    }
    sources_[message.source].push_back(offset);
    auto& tally = tallies_[{day_of(message.received_ms), message.source}];
    ++tally.messages;
    tally.events += message.events;
}

bool Segment::full() const {
    return messages_ >= most_messages || events_ >= most_events || bytes_ >= most_bytes;
}

bool Segment::beyond(std::int64_t id) const {
    return !empty() && id - first_ > static_cast<std::int64_t>(offset_mask);
}

std::string Segment::references(std::size_t bucket) {
    auto& entries = references_[bucket];
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    std::string list;
    list.reserve(entries.size() * sizeof(std::uint64_t));
    for (const auto entry : entries) append_number(list, entry);
    return list;
}

std::map<std::int64_t, std::string> Segment::sources() const {
    std::map<std::int64_t, std::string> lists;
    for (const auto& [source, offsets] : sources_) {
        auto& list = lists[source];
        for (const auto offset : offsets) append_number(list, offset);
    }
    return lists;
}

std::vector<std::uint16_t> Segment::find(std::string_view list, std::uint64_t key) {
    const auto size = list.size() / sizeof(std::uint64_t);
    std::size_t low = 0;
    std::size_t high = size;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (number_at<std::uint64_t>(list, middle) >> offset_bits < kept(key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    std::vector<std::uint16_t> offsets;
    for (; low < size; ++low) {
        const auto entry = number_at<std::uint64_t>(list, low);
        if (entry >> offset_bits != kept(key)) break;
        offsets.push_back(static_cast<std::uint16_t>(entry & offset_mask));
    }
    return offsets;
}

std::vector<std::uint16_t> Segment::offsets(std::string_view list) {
    std::vector<std::uint16_t> offsets;
    offsets.reserve(list.size() / sizeof(std::uint16_t));
    for (std::size_t i = 0; i < list.size() / sizeof(std::uint16_t); ++i) {
        offsets.push_back(number_at<std::uint16_t>(list, i));
    }
    return offsets;
}

}  // namespace pwh::store
