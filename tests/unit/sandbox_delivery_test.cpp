// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "preservica/signature.hpp"
#include "sandbox/deliverer.hpp"
#include "sandbox/delivery_queue.hpp"
#include "sandbox/emission.hpp"
#include "sandbox/handshake.hpp"
#include "text/percent.hpp"

using namespace pwh;
using namespace std::chrono_literals;
using sandbox::DeliveryQueue;
using sandbox::EmitSchedule;

namespace {

const DeliveryQueue::Time start{1h};

/// What all of a deliverer's clients were asked to send, and what they answer.
class Receiver {
  public:
    std::function<long(const net::ClientRequest&)> answer = [](const auto&) { return 200L; };

    long take(const net::ClientRequest& request) {
        std::unique_lock lock(mutex_);
        requests_.push_back(request);
        changed_.notify_all();
        lock.unlock();
        return answer(request);
    }

    std::vector<net::ClientRequest> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 60s, [&] { return requests_.size() >= count; });
        return requests_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<net::ClientRequest> requests_;
};

class FakeClient final : public net::HttpClient {
  public:
    explicit FakeClient(Receiver& receiver) : receiver_(receiver) {}
    net::ClientResponse perform(const net::ClientRequest& request) override {
        return {receiver_.take(request), {}, {}};
    }

  private:
    Receiver& receiver_;
};

sandbox::MakeHttp clients_of(Receiver& receiver) {
    return
        [&receiver](const net::ClientOptions&) { return std::make_unique<FakeClient>(receiver); };
}

const sandbox::SubscriptionEntry subscription{
    "0123", {"http://127.0.0.1:1/hook", "MOVED", "a secret", true}};

const Diagnostics silent(-1, Verbosity::quiet);

}  // namespace

TEST_CASE("a handshake posts a fresh code, and passes where the secret is known") {
    class Endpoint final : public net::HttpClient {
      public:
        std::string secret = "a secret";
        std::string last_code;
        net::ClientResponse perform(const net::ClientRequest& request) override {
            CHECK(request.method == "POST");
            CHECK(request.body.empty());
            if (secret.empty()) {
                throw net::TransportError(net::TransportError::Kind::timeout, true,
                                          "it took too long");
            }
            const auto form = text::parse_form(request.url.substr(request.url.find('?') + 1));
            REQUIRE(form.size() == 1);
            CHECK(form.front().first == "challengeCode");
            CHECK(form.front().second != last_code);
            last_code = form.front().second;
            const auto response = preservica::Signer(secret).answer_challenge(last_code);
            return {200, {}, preservica::challenge_answer(last_code, response)};
        }
    } endpoint;
    CHECK_FALSE(sandbox::run_handshake(endpoint, subscription.wanted));
    CHECK_FALSE(sandbox::run_handshake(endpoint, subscription.wanted));
    endpoint.secret = "another";
    CHECK(sandbox::run_handshake(endpoint, subscription.wanted));
    endpoint.secret = "";
    CHECK(sandbox::run_handshake(endpoint, subscription.wanted) == "it took too long");
}

TEST_CASE("the pause before another try doubles, up to 30 s") {
    CHECK(sandbox::retry_delay(1) == 250ms);
    CHECK(sandbox::retry_delay(2) == 500ms);
    CHECK(sandbox::retry_delay(7) == 16s);
    CHECK(sandbox::retry_delay(8) == 30s);
    CHECK(sandbox::retry_delay(4'000'000) == 30s);
}

TEST_CASE(
    "a queue gives messages in their order, and one that failed later, without holding up others") {
    DeliveryQueue queue;
    CHECK(queue.push("a"));
    CHECK(queue.push("b"));
    const auto a = queue.take(start);
    REQUIRE(a);
    CHECK(a->body == "a");
    CHECK(a->tries == 1);
    CHECK(queue.failed(*a, start));
    CHECK(queue.next_retry() == start + 250ms);
    const auto b = queue.take(start + 249ms);
    REQUIRE(b);
    CHECK(b->body == "b");
    queue.delivered();
    CHECK_FALSE(queue.take(start + 249ms));
    const auto again = queue.take(start + 250ms);
    REQUIRE(again);
    CHECK(again->body == "a");
    CHECK(again->tries == 2);
}

TEST_CASE("a message is tried eight times") {
    DeliveryQueue queue;
    CHECK(queue.push("a"));
    auto now = start;
    unsigned tries = 0;
    for (bool again = true; again; now += 1min) {
        const auto delivery = queue.take(now);
        REQUIRE(delivery);
        again = queue.failed(*delivery, now);
        ++tries;
    }
    CHECK(tries == 8);
    CHECK_FALSE(queue.next_retry());
}

TEST_CASE("a queue holds 1,000 messages, those in hand and those to be tried again among them") {
    DeliveryQueue queue;
    for (int i = 0; i < 1000; ++i) REQUIRE(queue.push("m"));
    CHECK_FALSE(queue.push("m"));
    auto first = queue.take(start);
    REQUIRE(first);
    CHECK_FALSE(queue.push("m"));
    CHECK(queue.failed(*std::move(first), start));
    CHECK_FALSE(queue.push("m"));
    REQUIRE(queue.take(start));
    queue.delivered();
    CHECK(queue.push("m"));
    queue.clear();
    CHECK_FALSE(queue.take(start + 1h));
    CHECK(queue.push("m"));
}

TEST_CASE("a schedule gives so many a second, however it is asked") {
    EmitSchedule steady(100, start);
    std::size_t count = 0;
    for (auto now = start; now < start + 10s; now += 7ms) count += steady.take_due(now);
    CHECK(count == 999);

    EmitSchedule late(100, start);
    CHECK(late.take_due(start - 1s) == 0);
    CHECK(late.take_due(start + 5s) == 500);
    CHECK(late.take_due(start + 5s) == 0);
    CHECK(late.until_next(start + 5s) == 10ms);
    CHECK(late.until_next(start + 6s) == 0ms);

    EmitSchedule rare(0.1, start);
    CHECK(rare.until_next(start) == 10s);
    CHECK(rare.take_due(start + 9999ms) == 0);
    CHECK(rare.take_due(start + 10s) == 1);
}

TEST_CASE("a schedule that is far behind catches up in pieces") {
    EmitSchedule schedule(10'000, start);
    CHECK(schedule.take_due(start + 1s) == EmitSchedule::largest_burst);
    CHECK(schedule.until_next(start + 1s) == 0ms);
    std::size_t rest = 0;
    while (const auto more = schedule.take_due(start + 1s)) rest += more;
    CHECK(rest == 9000);
}

TEST_CASE("triggers take turns, and those without a subscription are left out") {
    sandbox::TriggerRound round({"A", "B", "C"});
    const auto all_but_b = [](const std::string& trigger) { return trigger != "B"; };
    CHECK(round.next(all_but_b) == "A");
    CHECK(round.next(all_but_b) == "C");
    CHECK(round.next(all_but_b) == "A");
    CHECK_FALSE(round.next([](const std::string&) { return false; }));
    CHECK(round.next([](const std::string&) { return true; }) == "B");
}

TEST_CASE("invented events fit their trigger") {
    std::map<std::string, int> types;
    for (std::uint64_t i = 0; i < 8; ++i) ++types[sandbox::invent_event("MOVED", i).entity_type];
    CHECK(types["SO"] == 2);
    CHECK(types["IO"] == 6);
    const auto indexed = sandbox::invent_event("FULL_TEXT_INDEXED", 0);
    CHECK(indexed.event == "FullTextIndexed");
    CHECK(indexed.entity_type == "IO");
    CHECK(indexed.entity_ref != sandbox::invent_event("FULL_TEXT_INDEXED", 0).entity_ref);
    REQUIRE(indexed.identifiers.size() == 2);
    CHECK(indexed.identifiers.front() == std::pair<std::string, std::string>("BatchId", "1"));
}

TEST_CASE("a delivery is signed, in chunks, and what fails comes again with the same bytes") {
    Receiver receiver;
    int answered = 0;
    receiver.answer = [&answered](const auto&) { return ++answered == 1 ? 503L : 204L; };
    sandbox::Deliverer deliverer(subscription, clients_of(receiver), silent);
    deliverer.push(R"({"events":[]})");
    const auto requests = receiver.wait_for(2);
    REQUIRE(requests.size() == 2);
    const auto& first = requests.front();
    CHECK(first.method == "POST");
    CHECK(first.url == "http://127.0.0.1:1/hook");
    CHECK(first.chunked);
    CHECK(first.headers ==
          net::Headers{{"Content-Type", "application/json"},
                       {"Preservica-Signature",
                        preservica::Signer("a secret").sign_event(R"({"events":[]})")}});
    CHECK(requests[1].body == first.body);
    CHECK(requests[1].headers == first.headers);
}

TEST_CASE("a message that waits for another try holds up no other") {
    Receiver receiver;
    receiver.answer = [](const net::ClientRequest& request) {
        return request.body == "bad" ? 500L : 200L;
    };
    sandbox::Deliverer deliverer(subscription, clients_of(receiver), silent);
    deliverer.push("bad");
    deliverer.push("good");
    const auto requests = receiver.wait_for(3);
    REQUIRE(requests.size() >= 3);
    CHECK(requests[0].body == "bad");
    CHECK(requests[1].body == "good");
    CHECK(requests[2].body == "bad");
}

TEST_CASE("a backlog is worked off by several at once") {
    Receiver receiver;
    std::mutex gate;
    std::unique_lock closed(gate);
    receiver.answer = [&gate](const auto&) {
        const std::lock_guard pass(gate);
        return 200L;
    };
    sandbox::Deliverer deliverer(subscription, clients_of(receiver), silent);
    for (int i = 0; i < 100; ++i) deliverer.push("m");
    CHECK(receiver.wait_for(sandbox::Deliverer::most_lanes).size() ==
          sandbox::Deliverer::most_lanes);
    closed.unlock();
    CHECK(receiver.wait_for(100).size() == 100);
}

TEST_CASE("what waits when deliveries stop is dropped") {
    Receiver receiver;
    receiver.answer = [](const auto&) { return 500L; };
    sandbox::Deliverer deliverer(subscription, clients_of(receiver), silent);
    deliverer.push("m");
    CHECK(receiver.wait_for(1).size() == 1);
    deliverer.stop();
    for (int i = 0; i < 12000 && !deliverer.stopped(); ++i) std::this_thread::sleep_for(5ms);
    CHECK(deliverer.stopped());
    deliverer.push("late");
    CHECK(receiver.wait_for(1).size() == 1);
}
