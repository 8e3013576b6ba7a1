// SPDX-License-Identifier: Apache-2.0
#include "store/event_index.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <set>
#include <string>
#include <vector>

using pwh::store::reference_key;
using pwh::store::same_reference;
using pwh::store::Segment;

namespace {

constexpr std::int64_t day = 86'400'000;

/// A key of that bucket; keys with the same `high` differ in no bit that a list keeps.
std::uint64_t key_of(std::uint64_t high, std::size_t bucket) {
    return high << 16U | bucket;
}

std::vector<std::uint16_t> sorted(const std::multiset<std::uint16_t>& offsets) {
    const std::set<std::uint16_t> once(offsets.begin(), offsets.end());
    return {once.begin(), once.end()};
}

}  // namespace

TEST_CASE("a reference's key is that of its last part, in any case of letters") {
    const std::string uuid = "7fdea7e0-1b2c-4d3e-8f90-a1b2c3d4e5f6";
    const auto key = reference_key(uuid);
    CHECK(reference_key("7FDEA7E0-1B2C-4D3E-8F90-A1B2C3D4E5F6") == key);
    CHECK(reference_key("https://eu.preservica.com/api/entity/information-objects/" + uuid) == key);
    CHECK(reference_key(uuid + "/") != key);
    CHECK(reference_key(uuid.substr(1)) != key);
    CHECK(reference_key("") == reference_key("/"));
    CHECK(reference_key("Ä") != reference_key("ä"));  // only the letters of ASCII
}

TEST_CASE("keys are what earlier versions wrote") {
    CHECK(reference_key("") == 0xf52a15e9a9b5e89bU);
    CHECK(reference_key("a") == 0x02c0bdbf481420f8U);
    CHECK(reference_key("7fdea7e0-1b2c-4d3e-8f90-a1b2c3d4e5f6") == 0xd636bf09b0129049U);
}

TEST_CASE("keys are spread over the buckets") {
    std::vector<int> sizes(Segment::buckets);
    for (int number = 0; number < 32'000; ++number) {
        ++sizes[Segment::bucket_of(
            reference_key(fmt::format("{:08x}-0000-4000-8000-000000000000", number)))];
    }
    for (const int size : sizes) {
        CHECK(size > 800);
        CHECK(size < 1200);
    }
}

TEST_CASE("which reference is meant") {
    CHECK(same_reference("abc-1", "ABC-1"));
    CHECK(same_reference("https://host/a/abc-1", "abc-1"));
    CHECK(same_reference("https://host/a/abc-1", "HTTPS://host/a/abc-1"));
    CHECK_FALSE(same_reference("https://host/a/abc-1", "https://host/b/abc-1"));
    CHECK_FALSE(same_reference("abc-1", "https://host/a/abc-1"));
    CHECK_FALSE(same_reference("abc-1", "abc-"));
    CHECK_FALSE(same_reference("abc-1", "bc-1"));
    CHECK_FALSE(same_reference("abc-1/", "abc-1"));
    CHECK(same_reference("", ""));
}

TEST_CASE("a segment finds each reference's messages, and no others'") {
    Segment segment;
    std::mt19937 random(1);
    std::map<std::uint64_t, std::multiset<std::uint16_t>> expected;
    constexpr std::int64_t first = 1'000'003;
    for (int number = 0; number < 5000; ++number) {
        std::vector<std::uint64_t> keys;
        for (auto events = random() % 4; events > 0; --events) {
            keys.push_back(key_of(random() % 600, random() % Segment::buckets));
            expected[keys.back()].insert(static_cast<std::uint16_t>(number));
        }
        if (number % 7 == 0 && !keys.empty()) keys.push_back(keys.front());  // twice in a message
        segment.add({first + number, day, 1, 10, keys.size()}, keys);
    }
    for (std::size_t bucket = 0; bucket < Segment::buckets; ++bucket) {
        const auto list = segment.references(bucket);
        CHECK(list.size() % 8 == 0);
        for (std::uint64_t high = 0; high < 601; ++high) {
            const auto key = key_of(high, bucket);
            REQUIRE(Segment::find(list, key) == sorted(expected[key]));
        }
    }
    CHECK(segment.first() == first);
    CHECK(segment.last() == first + 4999);
}

TEST_CASE("lists are stored alike on every machine") {
    Segment segment;
    segment.add({100, 0, 7, 1, 1}, {0x0123456789abcde0U});
    segment.add({0x0302 + 100, 0, 7, 1, 1}, {0x0123456789ab0000U});
    CHECK(segment.references(0) ==
          std::string("\x00\x00\xab\x89\x67\x45\x23\x01\x02\x03\xab\x89\x67\x45\x23\x01", 16));
    CHECK(segment.sources() ==
          std::map<std::int64_t, std::string>{{7, std::string("\x00\x00\x02\x03", 4)}});
    CHECK(segment.references(1).empty());
}

TEST_CASE("a damaged list finds nothing, and reads nothing that is not there") {
    CHECK(Segment::find("", 1).empty());
    CHECK(Segment::find(std::string(7, '\0'), 0).empty());
    CHECK(Segment::find(std::string(15, '\0'), 0) == std::vector<std::uint16_t>{0});
    CHECK(Segment::offsets("").empty());
    CHECK(Segment::offsets("x").empty());
}

TEST_CASE("a segment lists the messages of each source, and counts them by day") {
    Segment segment;
    segment.add({5, 3 * day, 1, 1, 2}, {});
    segment.add({6, 3 * day + day - 1, 2, 1, 0}, {});
    segment.add({8, 4 * day, 1, 1, 5}, {});
    segment.add({9, -1, 1, 1, 1}, {});
    segment.add({10, -day, 1, 1, 1}, {});
    segment.add({11, -day - 1, 1, 1, 1}, {});
    const auto sources = segment.sources();
    REQUIRE(sources.size() == 2);
    CHECK(Segment::offsets(sources.at(1)) == std::vector<std::uint16_t>{0, 3, 4, 5, 6});
    CHECK(Segment::offsets(sources.at(2)) == std::vector<std::uint16_t>{1});
    const auto& tallies = segment.tallies();
    CHECK(tallies.size() == 5);
    CHECK(tallies.at({3, 1}).events == 2);
    CHECK(tallies.at({3, 2}).messages == 1);
    CHECK(tallies.at({3, 2}).events == 0);
    CHECK(tallies.at({4, 1}).events == 5);
    CHECK(tallies.at({-1, 1}).messages == 2);
    CHECK(tallies.at({-2, 1}).messages == 1);
    CHECK(segment.earliest_ms() == -day - 1);
    CHECK(segment.latest_ms() == 4 * day);
}

TEST_CASE("a segment is full by its messages, its events or its bytes") {
    const auto adds_until_full = [](std::size_t bytes, std::size_t events) {
        Segment segment;
        std::int64_t id = 0;
        while (!segment.full()) segment.add({++id, 0, 1, bytes, events}, {});
        return static_cast<std::size_t>(id);
    };
    CHECK(adds_until_full(1, 1) == Segment::most_messages);
    CHECK(adds_until_full(1, Segment::most_events / 2) == 2);
    CHECK(adds_until_full(Segment::most_bytes / 4, 1) == 4);
    CHECK(adds_until_full(0, 0) == Segment::most_messages);
}

TEST_CASE("a message that is too far from the first belongs to another segment") {
    Segment segment;
    CHECK_FALSE(segment.beyond(1'000'000));
    segment.add({10, 0, 1, 1, 1}, {});
    CHECK_FALSE(segment.beyond(10 + 65'535));
    CHECK(segment.beyond(10 + 65'536));
    segment.add({10 + 65'535, 0, 1, 1, 1}, {});
    CHECK(Segment::offsets(segment.sources().at(1)) == std::vector<std::uint16_t>{0, 65'535});
}
