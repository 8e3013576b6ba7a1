// SPDX-License-Identifier: Apache-2.0
// Fills an event store with distinct messages of one event and about 300 bytes, received evenly
// over the last 90 days, through the code that `listen` stores with, only in large commits.
//
//   pwh_fill STORE MESSAGES [SEED]
//
// The event of message N (from 1 on) has the reference SEED(8 hex)-0000-4000-8000-N(12 hex); one
// message in a thousand has the trigger INGEST_FAILED. Prints one line of JSON.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "crypto/crypto.hpp"
#include "receiver/store_sink.hpp"
#include "store/event_store.hpp"

namespace {

constexpr std::size_t commit = 20'000;
constexpr std::int64_t span_ms = 90LL * 24 * 3600 * 1000;

struct Made {
    std::string reference;
    std::string_view trigger;
    std::string body;
    std::vector<std::uint64_t> keys;
};

Made make(std::uint32_t seed, std::uint64_t number) {
    static constexpr std::array<std::string_view, 4> triggers{
        "FULL_TEXT_INDEXED", "MOVED", "CHANGED_SECURITY_DESCRIPTOR", "CHANGE_ASSET_VISIBILITY"};
    Made made;
    made.reference = fmt::format("{:08x}-0000-4000-8000-{:012x}", seed, number);
    made.trigger = number % 1000 == 0 ? "INGEST_FAILED" : triggers.at(number % triggers.size());
    made.body = fmt::format(
        R"({{"subscriptionId":"9495ddbf7d4a0b9f030a3411c87f967d","timestamp":"2023-10-11T10:52:42.469","tenant":"BRAMA","version":"6.10","events":[{{"event":"FullTextIndexed","entityType":"IO","entityRef":"{}","identifiers":[{{"BatchId":"{}"}}]}}],"trigger":"{}"}})",
        made.reference, number, made.trigger);
    made.keys = {pwh::store::reference_key(made.reference)};
    return made;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: pwh_fill STORE MESSAGES [SEED]\n", stderr);
        return 2;
    }
    try {
        const std::uint64_t messages = std::strtoull(argv[2], nullptr, 10);
        const auto seed =
            static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1);
        const auto begin = std::chrono::steady_clock::now();
        const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
        pwh::store::EventStore store(argv[1], pwh::receiver::read_references);
        std::uint64_t bytes = 0;
        std::vector<Made> made;
        std::vector<pwh::store::NewMessage> batch;
        for (std::uint64_t next = 1; next <= messages;) {
            made.clear();
            batch.clear();
            for (; made.size() < commit && next <= messages; ++next)
                made.push_back(make(seed, next));
            auto number = next - made.size();
            for (const auto& each : made) {
                const auto share = static_cast<double>(number++) / static_cast<double>(messages);
                const auto received =
                    now - span_ms + static_cast<std::int64_t>(share * static_cast<double>(span_ms));
                bytes += each.body.size();
                batch.push_back({received, pwh::crypto::sha256(each.body), each.trigger,
                                 "9495ddbf7d4a0b9f030a3411c87f967d", each.body, 1, &each.keys});
            }
            store.append(batch);
            while (store.maintain(std::nullopt)) {
            }
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        fmt::print("{{\"messages\":{},\"body_bytes\":{},\"seconds\":{:.2f}}}\n", messages, bytes,
                   took.count());
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "pwh_fill: {}\n", error.what());
        return 1;
    }
}
