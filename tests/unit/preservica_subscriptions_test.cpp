// SPDX-License-Identifier: Apache-2.0
#include "preservica/subscriptions.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "preservica/failure.hpp"
#include "preservica_fake.hpp"

using namespace pwh::preservica;
using namespace pwh::preservica::fake;
using pwh::Error;
using pwh::ExitCode;

namespace {

/// The failure of listing when the (signed-in) server answers this.
Error listing_failure(long status, const std::string& body,
                      const std::string& type = "application/json") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(status, body, type);
    auto session = fixture.session();
    return failure_of([&] { Subscriptions(session).list(); });
}

const NewSubscription wanted{"https://h.example/p", "MOVED", "s3cr3t-s3cr3t-s3cr3t", true};

}  // namespace

TEST_CASE("a subscription keeps its fields, known or not, in their order") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(200, std::string("[") + one_subscription + "]");
    auto session = fixture.session();
    const auto subscriptions = Subscriptions(session).list();
    REQUIRE(subscriptions.size() == 1);
    CHECK(subscriptions[0].id == "4583");
    CHECK(subscriptions[0].url == "https://h.example/p");
    CHECK(subscriptions[0].trigger == "MOVED");
    CHECK(subscriptions[0].fields.dump() == one_subscription);
}

TEST_CASE("a list that is not what the API promises") {
    for (const char* body :
         {"{}", "null", "[1]", "[{}]", R"([{"id":"","url":"u","triggerType":"T"}])",
          R"([{"id":7,"url":"u","triggerType":"T"}])",
          R"([{"id":"a","url":null,"triggerType":"T"}])", R"([{"id":"a","url":"u"}])", "[{]", ""}) {
        CAPTURE(body);
        CHECK(listing_failure(200, body).code() == ExitCode::unavailable);
    }
    CHECK(contains(listing_failure(200, std::string(200'000, '[')).what(), "not valid JSON"));
}

TEST_CASE("each status has its exit code and its words") {
    const auto forbidden = listing_failure(403, R"({"message":"no"})");
    CHECK(forbidden.code() == ExitCode::forbidden);
    CHECK(contains(forbidden.hint(), "ROLE_SDB_CONFIG_MANAGER_USER"));
    CHECK(contains(forbidden.what(), "list the subscriptions of eu.preservica.com"));
    CHECK(contains(forbidden.what(), "(status 403): no"));

    const auto missing = listing_failure(404, "");
    CHECK(missing.code() == ExitCode::failure);
    CHECK(std::string(missing.what()) ==
          "eu.preservica.com has no webhook API (needs Preservica 6.8 or later)");

    CHECK(listing_failure(409, "").code() == ExitCode::failure);
    CHECK(listing_failure(418, "").code() == ExitCode::failure);
    for (const long status : {301L, 408L, 429L, 500L, 502L, 503L, 504L}) {
        CAPTURE(status);
        CHECK(listing_failure(status, "").code() == ExitCode::unavailable);
    }
}

TEST_CASE("of an error's body only a message is shown, shortened, on one line") {
    CHECK_FALSE(
        contains(listing_failure(500, "<h1>Stack trace</h1>", "text/html").what(), "trace"));
    CHECK_FALSE(contains(listing_failure(500, R"({"error":"inside"})").what(), "inside"));
    std::string accents;
    for (int i = 0; i < 201; ++i) accents += "é";
    const auto shown = server_message({500, {}, R"({"message":"a\nb)" + accents + "\"}"});
    CHECK(shown == "a b" + accents.substr(0, std::size_t{2} * 197) + "…");
}

TEST_CASE("create sends what pyPreservica sends") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(200, one_subscription);
    fixture.http.answer(201, one_subscription);
    auto session = fixture.session();
    auto without = wanted;
    without.include_identifiers = false;
    CHECK(Subscriptions(session).create(wanted).id == "4583");
    CHECK(Subscriptions(session).create(without).id == "4583");
    REQUIRE(fixture.http.asked.size() == 3);
    CHECK(
        fixture.http.asked[1] ==
        "POST https://eu.preservica.com/api/webhook/subscriptions | Content-Type: application/json "
        "| "
        "Accept: application/json | Preservica-Access-Token: t-1 | "
        R"({"url":"https://h.example/p","triggerType":"MOVED","secret":"s3cr3t-s3cr3t-s3cr3t","includeIdentifiers":"true"})");
    CHECK(contains(fixture.http.asked[2], R"("includeIdentifiers":"false")"));
}

TEST_CASE("an endpoint that fails the handshake") {
    for (const long status : {400L, 422L}) {
        Fixture fixture;
        fixture.http.allow_login();
        fixture.http.answer(status, R"({"message":"challenge failed"})");
        auto session = fixture.session();
        try {
            Subscriptions(session).create(wanted);
            FAIL("nothing was thrown");
        } catch (const HandshakeRefused& error) {
            CHECK(error.code() == ExitCode::endpoint_failed);
            CHECK(contains(error.what(), "https://h.example/p did not pass the handshake"));
            CHECK(contains(error.what(), ": challenge failed"));
            CHECK(contains(error.hint(), "pwh check https://h.example/p"));
        }
        CHECK(fixture.http.asked.size() == 2);
    }
}

TEST_CASE("a message that repeats the secret is not shown") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(400, R"({"message":"secret s3cr3t-s3cr3t-s3cr3t is weak"})");
    auto session = fixture.session();
    const auto error = failure_of([&] { Subscriptions(session).create(wanted); });
    CHECK_FALSE(contains(error.what(), "s3cr3t"));
}

TEST_CASE("an answer that leaves open whether a subscription was made") {
    using Answer = std::pair<long, const char*>;
    for (const auto& answer : {Answer{500, ""}, Answer{502, ""}, Answer{504, ""}, Answer{200, "{"},
                               Answer{200, "<html>"}, Answer{204, ""}}) {
        const auto status = answer.first;
        const std::string body = answer.second;
        CAPTURE(status);
        CAPTURE(body);
        Fixture fixture;
        fixture.http.allow_login();
        fixture.http.answer(status, body);
        auto session = fixture.session();
        try {
            Subscriptions(session).create(wanted);
            FAIL("nothing was thrown");
        } catch (const pwh::net::TransportError& error) {
            CHECK(error.sent());
            CHECK(error.code() == ExitCode::unavailable);
        }
        CHECK(fixture.http.asked.size() == 2);
    }
}

TEST_CASE("other refusals of create") {
    using Case = std::pair<long, ExitCode>;
    for (const auto& refusal : {Case{403, ExitCode::forbidden}, Case{404, ExitCode::failure},
                                Case{409, ExitCode::failure}, Case{429, ExitCode::unavailable}}) {
        CAPTURE(refusal.first);
        Fixture fixture;
        fixture.http.allow_login();
        fixture.http.answer(refusal.first, "");
        auto session = fixture.session();
        const auto error = failure_of([&] { Subscriptions(session).create(wanted); });
        CHECK(error.code() == refusal.second);
    }
    Fixture fixture;
    auto session = fixture.session();
    auto binary = wanted;
    binary.secret = "\xff\xfe";
    CHECK(failure_of([&] { Subscriptions(session).create(binary); }).code() == ExitCode::usage);
}

TEST_CASE("remove asks for one subscription, whatever its id looks like") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(204, "");
    fixture.http.answer(404, "");
    fixture.http.answer(403, "");
    auto session = fixture.session();
    Subscriptions subscriptions(session);
    CHECK(subscriptions.remove("4583"));
    CHECK_FALSE(subscriptions.remove("../a b+c?x#/é"));
    CHECK(failure_of([&] { subscriptions.remove("x"); }).code() == ExitCode::forbidden);
    for (const char* id : {"", ".", ".."}) CHECK_FALSE(subscriptions.remove(id));
    REQUIRE(fixture.http.asked.size() == 4);
    const std::string start = "DELETE https://eu.preservica.com/api/webhook/subscriptions/";
    CHECK(fixture.http.asked[1] == start + "4583 | Preservica-Access-Token: t-1");
    CHECK(fixture.http.asked[2] ==
          start + "..%2Fa%20b%2Bc%3Fx%23%2F%C3%A9 | Preservica-Access-Token: t-1");
}
