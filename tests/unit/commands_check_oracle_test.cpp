// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "commands_check_endpoint.hpp"

namespace pwh::commands::check_test {

namespace {

TEST_CASE("a receiver that signs any code is open to forgery") {
    Endpoint endpoint;
    endpoint.may_sign = [](const std::string&) { return true; };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::fail) == "oracle");
    const auto& oracle = results.at("oracle");
    CHECK(says(oracle, "OPEN TO FORGERY"));
    CHECK(says(oracle, "in the query"));
    CHECK(says(oracle, "preservica-webhook-auth"));
}

TEST_CASE("holes that only one form of the attack finds") {
    Endpoint endpoint;
    const auto looks_harmless = [](const std::string& code) {
        return !code.starts_with("preservica");
    };
    SUBCASE("the raw text is looked at, the decoded one signed") {
        endpoint.before = [&](const ClientRequest& request) {
            const bool visible = request.url.find("preservica-webhook-auth") != std::string::npos;
            endpoint.may_sign = [visible](const std::string&) { return !visible; };
        };
        CHECK(says(results_of(endpoint).at("oracle"), "with every character escaped"));
    }
    SUBCASE("the first code is looked at, the last signed") {
        endpoint.takes_last = true;
        endpoint.before = [&](const ClientRequest& request) {
            const auto first = request.url.find("challengeCode=");
            const bool fine =
                first != std::string::npos && looks_harmless(request.url.substr(first + 14));
            endpoint.may_sign = [fine](const std::string&) { return fine; };
        };
        CHECK(says(results_of(endpoint).at("oracle"), "behind a harmless one"));
    }
    SUBCASE("forms are read, too") {
        endpoint.reads_forms = true;
        endpoint.before = [&](const ClientRequest& request) {
            const bool in_query = request.url.find('?') != std::string::npos;
            endpoint.may_sign = [in_query, looks_harmless](const std::string& code) {
                return !in_query || looks_harmless(code);
            };
        };
        CHECK(says(results_of(endpoint).at("oracle"), "as a form in the body"));
    }
    SUBCASE("a text that is decoded once is looked at, one decoded twice signed") {
        endpoint.decodes_twice = true;
        endpoint.before = [&](const ClientRequest& request) {
            const auto query =
                request.url.substr(std::min(request.url.find('?'), request.url.size()));
            const bool fine =
                text::form_decode(query).value_or("").find("=preservica-") == std::string::npos;
            endpoint.may_sign = [fine](const std::string&) { return fine; };
        };
        const auto results = results_of(endpoint);
        CHECK(says(results.at("oracle"), "escaped twice"));
    }
    CHECK(named(results_of(endpoint), Verdict::fail) == "oracle");
}

TEST_CASE("an oracle under another secret is seen by what it answers") {
    Endpoint endpoint;
    endpoint.own_secret = "quite another secret";
    endpoint.may_sign = [](const std::string&) { return true; };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::fail) == "content-length event handshake oracle");
    CHECK(says(results.at("oracle"), "seems OPEN TO FORGERY"));
    CHECK(says(results.at("event"), "another secret"));
    CHECK(named(results, Verdict::warn) == "non-ascii repeat");
}

TEST_CASE("a receiver under another secret that signs no forged event is not accused") {
    Endpoint endpoint;
    endpoint.own_secret = "quite another secret";
    endpoint.takes_last = true;
    const auto results = results_of(endpoint);
    CHECK(results.at("oracle").verdict == Verdict::pass);
}

TEST_CASE("what an answer betrays") {
    const std::string forged(64, 'a');
    const std::vector<std::string> forgeries{forged};
    const auto judge = [&](const ClientResponse& answer, bool knows, bool other = false) {
        return judge_oracle_answer(answer, forgeries, knows, other);
    };
    const std::string hex(64, '7');
    CHECK(judge({200, {}, "x" + forged}, true) == Betrayal::signed_it);
    CHECK(judge({200, {}, std::string(64, 'A')}, true) == Betrayal::signed_it);
    CHECK(judge({500, {{"X-Debug", "s=" + forged}}, ""}, false) == Betrayal::signed_it);
    CHECK(judge({200, {}, forged.substr(1)}, true) == Betrayal::none);
    CHECK(judge({200, {}, "\"" + hex + "\""}, false) == Betrayal::seems_signed_it);
    CHECK(judge({200, {}, hex}, true) == Betrayal::none);
    CHECK(judge({200, {}, hex}, false, true) == Betrayal::none);
    CHECK(judge({400, {}, hex}, false) == Betrayal::none);
    CHECK(judge({200, {}, hex + "7"}, false) == Betrayal::none);
}

}  // namespace

}  // namespace pwh::commands::check_test
