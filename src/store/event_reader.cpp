// SPDX-License-Identifier: Apache-2.0
#include "store/event_reader.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <set>

#include "store/event_index.hpp"
#include "store/event_schema.hpp"

namespace pwh::store {

namespace {

constexpr std::size_t page_bytes = 256U << 10U;
constexpr std::size_t page_messages = 2048;
/// After so many messages that are not wanted a page ends, so that no look lasts long.
constexpr std::int64_t page_looks = 16'384;

constexpr auto no_end = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view columns_from_message =
    "SELECT id, received, source, message_id, body FROM message ";

/// Ends a statement's look at the store, whatever happens.
class Look {
  public:
    explicit Look(Statement& statement) : statement_(statement) {}
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    ~Look() { statement_.reset(); }

  private:
    Statement& statement_;
};

}  // namespace

struct EventReader::Filter {
    const EventQuery& query;
    bool by_source = false;
    std::set<std::int64_t> sources;  ///< wanted, where by_source

    bool wants_time(std::int64_t ms) const {
        return (!query.since_ms || ms >= *query.since_ms) &&
               (!query.until_ms || ms < *query.until_ms);
    }
    bool wants_source(std::int64_t source) const { return !by_source || sources.contains(source); }
    bool wants(const Statement& row) const {
        return wants_time(row.number(1)) && wants_source(row.number(2));
    }
    bool may_want(const Range& segment) const {
        return (!query.since_ms || segment.latest_ms >= *query.since_ms) &&
               (!query.until_ms || segment.earliest_ms < *query.until_ms);
    }
    bool wants_all_times(const Range& segment) const {
        return wants_time(segment.earliest_ms) && wants_time(segment.latest_ms);
    }
    bool by_index() const { return by_source || !query.reference.empty(); }
};

namespace {

/// False when the page has no room for the row.
bool add(const Statement& row, Page& page) {
    const auto body = row.bytes(4);
    if (page.bytes.size() + body.size() > page.bytes.capacity()) {
        // Bodies that are in the page must stay where they are.
        if (!page.messages.empty()) return false;
        page.bytes.reserve(body.size());
    }
    StoredMessage message;
    message.id = row.number(0);
    message.received_ms = row.number(1);
    const auto message_id = row.bytes(3);
    std::memcpy(message.message_id.data(), message_id.data(),
                std::min(message_id.size(), message.message_id.size()));
    const auto at = page.bytes.size();
    page.bytes += body;
    message.body = std::string_view(page.bytes).substr(at);
    page.messages.push_back(message);
    return true;
}

bool is_full(const Page& page) {
    return page.messages.size() >= page_messages || page.bytes.size() >= page_bytes;
}

void start(Page& page, std::int64_t after) {
    constexpr std::size_t worth_keeping = 4U << 20U;
    page.messages.clear();
    if (page.bytes.capacity() > worth_keeping) page.bytes = {};
    page.bytes.clear();
    page.bytes.reserve(page_bytes);
    page.reached = after;
    page.end = false;
}

}  // namespace

EventReader::EventReader(const std::filesystem::path& path)
    : database_(open_event_store(path, Database::Mode::read_only)),
      store_id_(event_store_id(database_)),
      version_(database_, "PRAGMA data_version"),
      range_(database_, std::string(columns_from_message) + "WHERE id > ? AND id <= ? ORDER BY id"),
      by_id_(database_, std::string(columns_from_message) + "WHERE id = ?"),
      version_seen_(data_version()) {
    refresh();
}

std::int64_t EventReader::data_version() {
    const Look look(version_);
    return version_.step() ? version_.number(0) : 0;
}

bool EventReader::changed() {
    const auto version = data_version();
    return std::exchange(version_seen_, version) != version;
}

void EventReader::refresh() {
    const auto version = data_version();
    if (version == version_loaded_) return;
    version_loaded_ = version;
    Statement segments(database_,
                       "SELECT first, last, earliest, latest FROM segment WHERE first > ? "
                       "ORDER BY first");
    segments.bind(1, segments_.empty() ? -1 : segments_.back().first);
    while (segments.step()) {
        segments_.push_back(
            {segments.number(0), segments.number(1), segments.number(2), segments.number(3)});
    }
    Statement sources(database_, "SELECT id, trigger, subscription FROM source WHERE id > ?");
    sources.bind(1, sources_.empty() ? 0 : sources_.rbegin()->first);
    while (sources.step()) {
        sources_[sources.number(0)] = {std::string(sources.bytes(2)),
                                       std::string(sources.bytes(1))};
    }
}

EventReader::Filter EventReader::filter_of(const EventQuery& query) const {
    Filter filter{query, !query.triggers.empty(), {}};
    for (const auto& [id, source] : sources_) {
        if (std::find(query.triggers.begin(), query.triggers.end(), source.trigger) !=
            query.triggers.end()) {
            filter.sources.insert(id);
        }
    }
    return filter;
}

std::int64_t EventReader::last_id() {
    const auto kept = database_.number("SELECT value FROM meta WHERE name = 'last_id'");
    return std::max(kept, database_.number("SELECT max(id) FROM message"));
}

/// The first segment with a message after `id`.
const EventReader::Range* EventReader::segment_after(std::int64_t id) const {
    const auto found =
        std::partition_point(segments_.begin(), segments_.end(),
                             [id](const Range& segment) { return segment.last <= id; });
    return found == segments_.end() ? nullptr : &*found;
}

void EventReader::read(const EventQuery& query, std::int64_t after, Page& page) {
    start(page, after);
    refresh();
    const auto filter = filter_of(query);
    while (!page.end && !is_full(page)) {
        const auto before = page.reached;
        read_piece(filter, page);
        if (page.reached == before && !page.end) return;  // no room for the next message
        // However little is wanted, one call takes no long look.
        if (page.messages.empty() && page.reached - after > page_looks) return;
    }
}

/// The rest of a segment, or of what is in none, as far as the page has room.
void EventReader::read_piece(const Filter& filter, Page& page) {
    const auto* segment = segment_after(page.reached);
    if (segment == nullptr) return read_range(filter, no_end, page);
    if (!filter.may_want(*segment)) {
        page.reached = segment->last;
        return;
    }
    if (!filter.by_index()) return read_range(filter, segment->last, page);
    const auto& ids = candidates(filter, *segment);
    const auto length = static_cast<std::size_t>(segment->last - segment->first + 1);
    if (filter.query.reference.empty() && ids.size() > length / 4) {
        return read_range(filter, segment->last, page);
    }
    read_ids(filter, ids, page);
    if (!is_full(page) && (ids.empty() || page.reached >= ids.back())) page.reached = segment->last;
}

void EventReader::read_range(const Filter& filter, std::int64_t last, Page& page) {
    const Look look(range_);
    range_.bind(1, page.reached).bind(2, last);
    std::int64_t looks = 0;
    while (range_.step()) {
        if (filter.wants(range_) && !add(range_, page)) return;
        page.reached = range_.number(0);
        if (is_full(page) || ++looks > page_looks) return;
    }
    if (last == no_end) {
        page.end = true;
    } else {
        page.reached = last;
    }
}

void EventReader::read_ids(const Filter& filter, const std::vector<std::int64_t>& ids, Page& page) {
    auto next = std::upper_bound(ids.begin(), ids.end(), page.reached);
    for (; next != ids.end() && !is_full(page); ++next) {
        const Look look(by_id_);
        by_id_.bind(1, *next);
        if (by_id_.step() && filter.wants(by_id_) && !add(by_id_, page)) return;
        page.reached = *next;
    }
}

const std::vector<std::int64_t>& EventReader::candidates(const Filter& filter,
                                                         const Range& segment) {
    if (candidates_of_ == segment.first && candidates_for_ == filter.query) return candidates_;
    candidates_of_ = 0;
    if (filter.query.reference.empty()) {
        candidates_ = find_sources(filter, segment);
    } else {
        candidates_ = find_reference(segment, reference_key(filter.query.reference));
    }
    candidates_of_ = segment.first;
    candidates_for_ = filter.query;
    return candidates_;
}

std::vector<std::int64_t> EventReader::find_reference(const Range& segment, std::uint64_t key) {
    Statement statement(database_, "SELECT list FROM segment_reference WHERE id = ?");
    statement.bind(1, (segment.first << 16U) + static_cast<std::int64_t>(Segment::bucket_of(key)));
    std::vector<std::int64_t> ids;
    if (!statement.step()) return ids;
    for (const auto offset : Segment::find(statement.bytes(0), key)) {
        ids.push_back(segment.first + offset);
    }
    return ids;
}

std::vector<std::int64_t> EventReader::find_sources(const Filter& filter, const Range& segment) {
    Statement statement(database_,
                        "SELECT source, list FROM segment_source WHERE id >= ? AND id < ?");
    statement.bind(1, segment.first << 16U).bind(2, (segment.first + 1) << 16U);
    std::vector<std::int64_t> ids;
    while (statement.step()) {
        if (!filter.wants_source(statement.number(0))) continue;
        for (const auto offset : Segment::offsets(statement.bytes(1))) {
            ids.push_back(segment.first + offset);
        }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

Counts EventReader::count(const EventQuery& query,
                          const std::function<std::size_t(std::string_view)>& events_in) {
    refresh();
    const auto filter = filter_of(query);
    const auto oldest = database_.number("SELECT min(id) FROM message", no_end);
    Counts counts;
    std::int64_t reached = oldest - 1;
    while (const auto* segment = segment_after(reached)) {
        const auto first = std::exchange(reached, segment->last) + 1;
        if (!filter.may_want(*segment)) continue;
        if (filter.wants_all_times(*segment) && segment->first >= oldest) {
            count_segment(filter, *segment, counts);
        } else {
            count_range(filter, first, segment->last, events_in, counts);
        }
    }
    count_range(filter, reached + 1, no_end, events_in, counts);
    return counts;
}

void EventReader::count_segment(const Filter& filter, const Range& segment, Counts& counts) {
    Statement statement(database_,
                        "SELECT day, source, messages, events FROM segment_tally "
                        "WHERE id >= ? AND id < ?");
    statement.bind(1, segment.first << 16U).bind(2, (segment.first + 1) << 16U);
    while (statement.step()) {
        const auto source = statement.number(1);
        if (!filter.wants_source(source)) continue;
        auto& count = counts[{statement.number(0), sources_[source].trigger}];
        count.messages += static_cast<std::uint64_t>(statement.number(2));
        count.events += static_cast<std::uint64_t>(statement.number(3));
    }
}

void EventReader::count_range(const Filter& filter, std::int64_t first, std::int64_t last,
                              const std::function<std::size_t(std::string_view)>& events_in,
                              Counts& counts) {
    const Look look(range_);
    range_.bind(1, first - 1).bind(2, last);
    while (range_.step()) {
        if (!filter.wants(range_)) continue;
        auto& count = counts[{day_of(range_.number(1)), sources_[range_.number(2)].trigger}];
        ++count.messages;
        count.events += events_in ? events_in(range_.bytes(4)) : 0;
    }
}

std::optional<std::int64_t> EventReader::newest_ms() {
    Statement statement(database_, "SELECT received FROM message ORDER BY id DESC LIMIT 1");
    if (!statement.step()) return std::nullopt;
    return statement.number(0);
}

std::uint64_t EventReader::messages(const EventQuery& query) {
    std::uint64_t sum = 0;
    for (const auto& [key, count] : count(query, {})) sum += count.messages;
    return sum;
}

std::vector<Source> EventReader::newest_sources() {
    refresh();
    std::map<std::int64_t, std::int64_t> seen;  // source, and about when
    Statement indexed(database_, "SELECT id >> 16, source FROM segment_source ORDER BY id");
    while (indexed.step()) seen[indexed.number(1)] = indexed.number(0);
    Statement tail(database_, "SELECT id, source FROM message WHERE id > ? ORDER BY id");
    tail.bind(1, segments_.empty() ? 0 : segments_.back().last);
    while (tail.step()) seen[tail.number(1)] = tail.number(0);
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> newest;  // when, and source
    for (const auto& [source, when] : seen) {
        auto& best = newest[sources_[source].trigger];
        best = std::max(best, {when, source});
    }
    std::vector<Source> found;
    found.reserve(newest.size());
    for (const auto& [trigger, best] : newest) found.push_back(sources_[best.second]);
    return found;
}

std::map<std::string, std::uint64_t> EventReader::refusals(std::int64_t first_hour) {
    Statement statement(database_,
                        "SELECT reason, sum(count) FROM refusal WHERE hour >= ? GROUP BY reason");
    statement.bind(1, first_hour);
    std::map<std::string, std::uint64_t> refusals;
    while (statement.step()) {
        refusals[std::string(statement.bytes(0))] = static_cast<std::uint64_t>(statement.number(1));
    }
    return refusals;
}

}  // namespace pwh::store
