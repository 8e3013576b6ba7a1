// SPDX-License-Identifier: Apache-2.0
#include "store/event_reader.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store_scratch.hpp"

using namespace pwh::store_test;
using pwh::receiver::read_references;
using pwh::store::Counts;
using pwh::store::EventQuery;
using pwh::store::EventReader;
using pwh::store::EventStore;
using pwh::store::Segment;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
constexpr std::int64_t day_ms = 86'400'000;

/// A store of two segments and some messages in none, and what was put into it. Made once.
struct Filled {
    Scratch scratch;
    std::vector<Mail> mails;  ///< of the ids 1, 2, 3...

    Filled() {
        std::mt19937 random(5);
        const std::vector<std::string> triggers{"MOVED", "FULL_TEXT_INDEXED", "FULL_TEXT_INDEXED",
                                                "SECURITY_DESCRIPTOR_CHANGED", ""};
        auto now = start_ms;
        for (std::size_t number = 0; number < 2 * Segment::most_messages + 3000; ++number) {
            now += static_cast<std::int64_t>(random() % 20'000);
            if (random() % 2000 == 0) now -= 2 * day_ms;  // the clock was put right
            Mail each;
            each.received_ms = now;
            each.trigger = number % 9000 == 8999 ? "RARE" : triggers[random() % triggers.size()];
            each.subscription = "s" + std::to_string(random() % 3);
            for (auto events = random() % 4; events > 0; --events) {
                each.references.push_back(fmt::format("ref-{}", random() % 5000));
            }
            if (number % 10 == 3) each.references.emplace_back("https://host/api/REF-7");
            each.make_body(number);
            mails.push_back(std::move(each));
        }
        EventStore store(scratch.store(), read_references);
        for (std::size_t at = 0; at < mails.size(); at += 5000) {
            append(store,
                   std::span(mails).subspan(at, std::min<std::size_t>(5000, mails.size() - at)));
            maintain(store);
        }
        maintain(store);
    }

    bool wants(const EventQuery& query, const Mail& mail) const {
        if (query.since_ms && mail.received_ms < *query.since_ms) return false;
        if (query.until_ms && mail.received_ms >= *query.until_ms) return false;
        return query.triggers.empty() || std::find(query.triggers.begin(), query.triggers.end(),
                                                   mail.trigger) != query.triggers.end();
    }

    bool has_reference(const Mail& mail, const std::string& wanted) const {
        return std::any_of(mail.references.begin(), mail.references.end(),
                           [&wanted](const std::string& reference) {
                               return pwh::store::same_reference(reference, wanted);
                           });
    }
};

const Filled& filled() {
    static const Filled once;
    return once;
}

std::vector<EventQuery> queries() {
    std::vector<EventQuery> all;
    const auto end_ms = filled().mails.back().received_ms;
    const std::vector<std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>> times{
        {{}, {}},
        {start_ms + (end_ms - start_ms) / 3, {}},
        {{}, start_ms + (end_ms - start_ms) / 3},
        {start_ms + (end_ms - start_ms) / 2, start_ms + (end_ms - start_ms) / 2 + day_ms / 4},
        {end_ms - day_ms / 4, {}},
        {end_ms + 30 * day_ms, {}},
        {start_ms + 5, start_ms + 5}};
    const std::vector<std::vector<std::string>> triggers{
        {}, {"MOVED"}, {"RARE"}, {"RARE", "SECURITY_DESCRIPTOR_CHANGED"}, {"NONE"}, {""}};
    for (const auto& [since, until] : times) {
        for (const auto& trigger : triggers) all.push_back({since, until, trigger, {}});
    }
    return all;
}

}  // namespace

TEST_CASE("a query finds what is wanted, in the order of the ids, and nothing else") {
    EventReader reader(filled().scratch.store());
    for (const auto& query : queries()) {
        CAPTURE(query.since_ms.value_or(0));
        CAPTURE(query.until_ms.value_or(0));
        CAPTURE(query.triggers.size());
        std::vector<std::int64_t> expected;
        for (std::size_t i = 0; i < filled().mails.size(); ++i) {
            if (filled().wants(query, filled().mails[i])) {
                expected.push_back(static_cast<std::int64_t>(i) + 1);
            }
        }
        const auto found = find(reader, query);
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto& mail = filled().mails[static_cast<std::size_t>(expected[i]) - 1];
            REQUIRE(found[i].id == expected[i]);
            REQUIRE(found[i].received_ms == mail.received_ms);
            REQUIRE((found[i].body == mail.body));
        }
        CHECK(reader.messages(query) == expected.size());
    }
}

TEST_CASE("a reference is found wherever it is, with whatever else is wanted") {
    EventReader reader(filled().scratch.store());
    const auto& mails = filled().mails;
    const auto middle = mails[mails.size() / 2].received_ms;
    for (const std::string reference : {"ref-7", "REF-7", "https://host/api/ref-7", "ref-4999",
                                        "ref-5000", "https://host/ref-8"}) {
        for (auto query : std::vector<EventQuery>{
                 {{}, {}, {}, {}}, {middle, {}, {}, {}}, {{}, middle, {"MOVED", "RARE"}, {}}}) {
            query.reference = reference;
            CAPTURE(reference);
            CAPTURE(query.triggers.size());
            std::set<std::int64_t> candidates;
            for (const auto& each : find(reader, query)) candidates.insert(each.id);
            for (std::size_t i = 0; i < mails.size(); ++i) {
                const auto id = static_cast<std::int64_t>(i) + 1;
                const bool wanted = filled().wants(query, mails[i]);
                if (wanted && filled().has_reference(mails[i], reference)) {
                    REQUIRE(candidates.contains(id));
                } else if (!wanted) {
                    REQUIRE_FALSE(candidates.contains(id));
                }
            }
            // Not indexed yet: each of the last 3,000 may be one.
            CHECK(candidates.size() < mails.size() / 4);
        }
    }
}

TEST_CASE("a query goes on after any message") {
    EventReader reader(filled().scratch.store());
    const auto last = static_cast<std::int64_t>(filled().mails.size());
    EventQuery rare;
    rare.triggers = {"RARE"};
    for (const std::int64_t after :
         {std::int64_t{0}, std::int64_t{8999}, std::int64_t{9000}, std::int64_t{16'383},
          std::int64_t{16'384}, std::int64_t{32'768}, last - 1, last, last + 5}) {
        CAPTURE(after);
        const auto all = find(reader, {}, after);
        CHECK(static_cast<std::int64_t>(all.size()) == std::max<std::int64_t>(0, last - after));
        if (!all.empty()) CHECK(all.front().id == after + 1);
        std::size_t expected = 0;
        for (auto id = static_cast<std::size_t>(after) + 1; id <= filled().mails.size(); ++id) {
            if (filled().mails[id - 1].trigger == "RARE") ++expected;
        }
        CHECK(find(reader, rare, after).size() == expected);
    }
}

TEST_CASE("counts are by day and trigger, the same from the index and without") {
    EventReader reader(filled().scratch.store());
    for (const auto& query : queries()) {
        CAPTURE(query.since_ms.value_or(0));
        CAPTURE(query.until_ms.value_or(0));
        Counts expected;
        for (const auto& mail : filled().mails) {
            if (!filled().wants(query, mail)) continue;
            auto& count = expected[{mail.received_ms / day_ms, mail.trigger}];
            ++count.messages;
            count.events += mail.references.size();
        }
        const auto counts = reader.count(query, events_in);
        REQUIRE(counts.size() == expected.size());
        for (const auto& each : expected) {
            CAPTURE(each.first.first);
            CAPTURE(each.first.second);
            REQUIRE(counts.contains(each.first));
            CHECK(counts.at(each.first).messages == each.second.messages);
            CHECK(counts.at(each.first).events == each.second.events);
        }
    }
}

TEST_CASE("pages are small, but for a message that is not") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    Mail large;
    large.body = std::string(std::size_t{3} << 20U, 'x');
    append(store, mail(1));
    append(store, large);
    append(store, mail(2));
    EventReader reader(scratch.store());
    const auto found = find(reader);
    REQUIRE(found.size() == 3);
    CHECK((found[1].body == large.body));
    pwh::store::Page page;
    EventReader many(filled().scratch.store());
    many.read({}, 0, page);
    CHECK(page.bytes.size() <= std::size_t{1} << 20U);
    CHECK_FALSE(page.end);
}

TEST_CASE("newest_sources() names the subscription of each trigger's newest message") {
    EventReader reader(filled().scratch.store());
    std::map<std::string, std::size_t> newest;
    for (std::size_t i = 0; i < filled().mails.size(); ++i) newest[filled().mails[i].trigger] = i;
    const auto found = reader.newest_sources();
    REQUIRE(found.size() == newest.size());
    for (const auto& source : found) {
        CAPTURE(source.trigger);
        REQUIRE(newest.contains(source.trigger));
        if (newest[source.trigger] >= 2 * Segment::most_messages) {
            CHECK(source.subscription == filled().mails[newest[source.trigger]].subscription);
        }
    }
    CHECK(reader.newest_ms() == filled().mails.back().received_ms);
    CHECK(reader.last_id() == static_cast<std::int64_t>(filled().mails.size()));
}

TEST_CASE("a reader sees what is committed, and what is removed, as it goes on") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    EventReader reader(scratch.store());
    CHECK_FALSE(reader.changed());
    std::vector<Mail> batch;
    std::int64_t after = 0;
    std::size_t number = 0;
    for (int round = 0; round < 9; ++round) {
        batch.clear();
        for (int i = 0; i < 4000; ++i) {
            auto each = mail(number++, start_ms + round);
            each.trigger = round % 2 == 0 ? "NEW" + std::to_string(round) : "MOVED";
            batch.push_back(each);
        }
        append(store, batch);
        CHECK(reader.changed());
        CHECK_FALSE(reader.changed());
        const auto found = find(reader, {}, after);
        CHECK(found.size() == batch.size());
        after = found.back().id;
        EventQuery query;
        query.triggers = {batch.front().trigger};
        CHECK(find(reader, query).back().id == after);
        query = {};
        query.reference = batch.back().references.front();
        CHECK(find(reader, query, 0).back().id == after);
        maintain(store);
        if (round == 6) maintain(store, start_ms + 6);
    }
    CHECK(find(reader).front().received_ms == start_ms + 6);
    CHECK(reader.messages({}) == 3 * 4000);
    EventQuery removed;
    removed.reference = mail(5).references.front();
    for (const auto& each : find(reader, removed)) CHECK(each.received_ms >= start_ms + 6);
    maintain(store, start_ms + 100);
    CHECK(find(reader).empty());
    CHECK(reader.count({}, events_in).empty());
    CHECK(reader.newest_sources().empty());
    CHECK_FALSE(reader.newest_ms());
    CHECK(reader.last_id() == 36'000);
}

TEST_CASE("a query that is half read stays right when the store is cleaned up and indexed") {
    const Scratch scratch;
    EventStore store(scratch.store(), read_references);
    std::vector<Mail> batch;
    for (std::size_t number = 0; number < Segment::most_messages + 100; ++number) {
        batch.push_back(mail(number, start_ms + static_cast<std::int64_t>(number)));
    }
    append(store, batch);
    EventReader reader(scratch.store());
    pwh::store::Page page;
    reader.read({}, 0, page);
    REQUIRE_FALSE(page.end);
    const auto reached = page.reached;
    maintain(store, start_ms + 5000);
    const auto rest = find(reader, {}, reached);
    CHECK(rest.front().id == std::max<std::int64_t>(reached + 1, 5001));
    CHECK(rest.back().id == static_cast<std::int64_t>(batch.size()));
    const auto first = std::max<std::int64_t>(reached + 1, 5001);
    CHECK(static_cast<std::int64_t>(rest.size()) == rest.back().id - first + 1);
}
