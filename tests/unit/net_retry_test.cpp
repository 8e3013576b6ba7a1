// SPDX-License-Identifier: Apache-2.0
#include "net/retry.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <vector>

using namespace pwh::net;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

using Kind = TransportError::Kind;

/// Answers from a list of steps, and counts the requests.
class Scripted : public HttpClient {
  public:
    ClientResponse perform(const ClientRequest&) override {
        ++asked;
        REQUIRE_FALSE(steps.empty());
        const auto step = steps.front();
        steps.pop_front();
        return step();
    }

    void status(long code, Headers headers = {}) {
        steps.emplace_back([=] { return ClientResponse{code, headers, {}}; });
    }
    void failure(Kind kind, bool sent) {
        steps.emplace_back(
            [=]() -> ClientResponse { throw TransportError(kind, sent, "it failed"); });
    }

    std::deque<std::function<ClientResponse()>> steps;
    int asked = 0;
};

struct Fixture {
    Fixture() {
        auto owned = std::make_unique<Scripted>();
        inner = owned.get();
        RetryOptions options;
        options.clock = [this] { return now; };
        options.wall_clock = [] { return pwh::WallTime(784'111'777s); };
        options.sleep = [this](milliseconds time) {
            waits.push_back(time.count());
            now += time;
            return !stop;
        };
        options.jitter = [this] { return chance; };
        options.on_retry = [this](const std::string& what) { told.push_back(what); };
        options.retries = 3;
        client = make_retrying_client(std::move(owned), options);
    }

    long perform(const std::string& method) {
        return client->perform({method, "http://h/", {}, {}}).status;
    }
    Kind failure(const std::string& method) {
        try {
            perform(method);
        } catch (const TransportError& error) {
            return error.kind();
        }
        FAIL("nothing was thrown");
        return Kind::broken;
    }

    Scripted* inner = nullptr;
    std::unique_ptr<HttpClient> client;
    std::chrono::steady_clock::time_point now{};
    std::vector<long> waits;
    std::vector<std::string> told;
    double chance = 0;
    bool stop = false;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "retry: what failed by chance is made again, with longer and longer waits") {
    for (const auto kind : {Kind::resolve, Kind::connect, Kind::timeout})
        inner->failure(kind, false);
    inner->status(200);
    CHECK(perform("GET") == 200);
    CHECK(waits == std::vector<long>{500, 1000, 2000});
    REQUIRE(told.size() == 3);
    CHECK(told[0] == "it failed; trying again in 0.5 s (repeat 1 of 3)");
}

TEST_CASE_FIXTURE(Fixture, "retry: the statuses that pass") {
    for (const long status : {429L, 502L, 503L}) inner->status(status);
    inner->status(504);
    CHECK(perform("GET") == 504);
    CHECK(inner->asked == 4);
    CHECK(told[1] == "the server answered with status 502; trying again in 1.0 s (repeat 2 of 3)");
}

TEST_CASE_FIXTURE(Fixture, "retry: every other status is an answer") {
    for (const long status : {200L, 400L, 401L, 403L, 404L, 408L, 409L, 500L, 501L}) {
        inner->status(status);
        CHECK(perform("GET") == status);
    }
    CHECK(waits.empty());
}

TEST_CASE_FIXTURE(Fixture, "retry: what no repeat can mend is not repeated") {
    for (const auto kind : {Kind::tls, Kind::too_large, Kind::proxy, Kind::cancelled}) {
        inner->failure(kind, false);
        CHECK(failure("GET") == kind);
    }
    CHECK(inner->asked == 4);
}

TEST_CASE_FIXTURE(Fixture, "retry: the last failure is what is thrown") {
    for (int i = 0; i < 3; ++i) inner->failure(Kind::connect, false);
    inner->failure(Kind::timeout, true);
    CHECK(failure("DELETE") == Kind::timeout);
    CHECK(inner->asked == 4);
}

TEST_CASE_FIXTURE(Fixture, "retry: a POST that may have been sent never goes out again") {
    inner->failure(Kind::broken, true);
    CHECK(failure("POST") == Kind::broken);
    for (const long status : {429L, 502L, 503L, 504L}) {
        inner->status(status);
        CHECK(perform("POST") == status);
    }
    CHECK(inner->asked == 5);
    CHECK(waits.empty());
}

TEST_CASE_FIXTURE(Fixture, "retry: a POST that never left this machine does") {
    inner->failure(Kind::connect, false);
    inner->status(503);
    CHECK(perform("POST") == 503);
    CHECK(inner->asked == 2);
}

TEST_CASE_FIXTURE(Fixture, "retry: chance shortens the wait by up to half") {
    chance = 0.5;
    inner->status(503);
    inner->status(200);
    perform("GET");
    CHECK(waits == std::vector<long>{375});
}

TEST_CASE_FIXTURE(Fixture, "retry: Retry-After is waited for, within bounds") {
    inner->status(429, {{"Retry-After", "7"}});
    inner->status(503, {{"retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"}});
    inner->status(503, {{"Retry-After", "44"}});
    CHECK(perform("GET") == 503);
    CHECK(waits == std::vector<long>{7'000, 10'000});
}

TEST_CASE_FIXTURE(Fixture, "retry: a Retry-After that means nothing changes nothing") {
    for (const auto* value : {"", "soon", "-5"}) {
        CHECK_FALSE(retry_after({503, {{"Retry-After", value}}, {}}, {}));
    }
    CHECK_FALSE(retry_after({503, {}, {}}, {}));
    CHECK(retry_after({503, {{"Retry-After", "0"}}, {}}, {}) == 0ms);
    CHECK(retry_after({503, {{"Retry-After", std::string(400, '9')}}, {}}, {}) > 1h);
    CHECK(retry_after({503, {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}}, {}},
                      pwh::WallTime(784'111'800s)) == 0ms);
}

TEST_CASE_FIXTURE(Fixture, "retry: no repeat begins after the bound") {
    inner->steps.emplace_back([this]() -> ClientResponse {
        now += 59'700ms;
        throw TransportError(Kind::timeout, true, "it failed");
    });
    CHECK(failure("GET") == Kind::timeout);
    CHECK(waits.empty());
}

TEST_CASE_FIXTURE(Fixture, "retry: an interrupted wait ends it") {
    stop = true;
    inner->status(503);
    CHECK(perform("GET") == 503);
    CHECK(inner->asked == 1);
}

TEST_CASE_FIXTURE(Fixture, "retry: a DELETE that was done before counts as done") {
    SUBCASE("its answer was lost") {
        inner->failure(Kind::broken, true);
    }
    SUBCASE("a gateway did not wait for it") {
        inner->status(504);
    }
    inner->status(404);
    CHECK(perform("DELETE") == 204);
}

TEST_CASE_FIXTURE(Fixture, "retry: a DELETE that was never worked on may find nothing") {
    SUBCASE("not sent") {
        inner->failure(Kind::connect, false);
    }
    SUBCASE("refused") {
        inner->status(429);
    }
    inner->status(404);
    CHECK(perform("DELETE") == 404);
}

TEST_CASE_FIXTURE(Fixture, "retry: a GET that finds nothing at last says so") {
    inner->status(503);
    inner->status(404);
    CHECK(perform("GET") == 404);
}

TEST_CASE("retry: none at all when told so") {
    auto owned = std::make_unique<Scripted>();
    owned->status(503);
    auto options = system_retry_options([] { return false; });
    options.retries = 0;
    CHECK(make_retrying_client(std::move(owned), options)
              ->perform({"GET", "http://h/", {}, {}})
              .status == 503);
}

TEST_CASE("retry: the machine's sleep ends when it is cancelled") {
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(system_retry_options([] { return true; }).sleep(1h));
    CHECK(system_retry_options([] { return false; }).sleep(1ms));
    CHECK(std::chrono::steady_clock::now() - begin < 1min);
}
