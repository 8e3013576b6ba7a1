// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "commands/check.hpp"
#include "crypto/crypto.hpp"
#include "preservica/signature.hpp"
#include "text/hex.hpp"
#include "text/percent.hpp"
#include "text/utf8.hpp"

namespace pwh::commands {

namespace {

using namespace std::chrono_literals;
using net::ClientRequest;
using net::ClientResponse;
using net::TransportError;
using Time = std::chrono::steady_clock::time_point;

const std::string secret = "0123456789abcdef0123456789abcdef";

std::string header(const ClientRequest& request, const std::string& lower_name) {
    for (const auto& [name, value] : request.headers) {
        auto lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (lower == lower_name) return value;
    }
    return {};
}

/// A receiver without fault, until a test breaks a part of it.
class Endpoint : public net::HttpClient {
  public:
    ClientResponse perform(const ClientRequest& request) override {
        ++requests;
        now += 1ms;
        if (before) before(request);
        const auto code = find_code(request);
        if (!code) return {on_event(request), {}, {}};
        if (request.method != "POST") return {405, {}, {}};
        if (!may_sign(*code)) return {400, {}, {}};
        const auto digest = crypto::HmacSha256(own_secret)({*code});
        return {200, {}, preservica::challenge_answer(*code, text::to_hex(digest))};
    }

    std::optional<std::string> find_code(const ClientRequest& request) const {
        std::optional<std::string> found;
        const auto query = request.url.find('?');
        auto form = query == std::string::npos ? std::string() : request.url.substr(query + 1);
        const bool is_form = header(request, "content-type").ends_with("urlencoded");
        if (reads_forms && is_form) form += "&" + request.body;
        for (const auto& [name, value] : text::parse_form(form)) {
            if (name == "challengeCode" && (!found || takes_last)) found = value;
        }
        if (found && decodes_twice) found = text::form_decode(*found);
        return found;
    }

    std::string own_secret = secret;
    std::function<bool(const std::string&)> may_sign = preservica::is_signable;
    std::function<long(const ClientRequest&)> on_event = [this](const ClientRequest& request) {
        return is_right(request) ? 200 : 401;
    };
    std::function<void(const ClientRequest&)> before;
    bool takes_last = false;
    bool reads_forms = false;
    bool decodes_twice = false;

    bool is_right(const ClientRequest& request) const {
        return header(request, "preservica-signature") ==
               preservica::Signer(own_secret).sign_event(request.body);
    }

    std::size_t requests = 0;
    Time now{};
};

std::map<std::string, CheckResult> results_of(Endpoint& endpoint,
                                              const std::string& url = "https://h.example/p") {
    EndpointCheck check(endpoint, url, secret, WallTime{}, [&endpoint] { return endpoint.now; });
    std::map<std::string, CheckResult> results;
    for (auto& each : check.run()) {
        CHECK_FALSE(each.explanation.empty());
        CHECK(each.explanation.find(secret) == std::string::npos);
        const auto name = each.name;
        CHECK(results.emplace(name, std::move(each)).second);
    }
    return results;
}

/// The names of those with that verdict.
std::string named(const std::map<std::string, CheckResult>& results, Verdict verdict) {
    std::string names;
    for (const auto& [name, result] : results) {
        if (result.verdict == verdict) names += (names.empty() ? "" : " ") + name;
    }
    return names;
}

bool says(const CheckResult& result, const std::string& text) {
    return result.explanation.find(text) != std::string::npos;
}

TEST_CASE("a receiver without fault passes every check") {
    Endpoint endpoint;
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::pass) ==
          "content-length event handshake no-signature non-ascii oracle repeat secret time url "
          "wrong-signature");
    CHECK(results.size() == 11);
    CHECK(endpoint.requests == EndpointCheck::planned_requests);
    CHECK(results.at("event").took == 1ms);
}

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

TEST_CASE("a receiver that does not read chunked bodies is told from one that refuses all") {
    Endpoint endpoint;
    const auto right = endpoint.on_event;
    endpoint.on_event = [right](const ClientRequest& request) {
        return request.chunked ? 401 : right(request);
    };
    const auto results = results_of(endpoint);
    CHECK(results.at("event").verdict == Verdict::fail);
    CHECK(says(results.at("event"), "does not read chunked bodies"));
    CHECK(results.at("content-length").verdict == Verdict::pass);
}

TEST_CASE("a receiver that verifies nothing") {
    Endpoint endpoint;
    endpoint.on_event = [](const ClientRequest&) { return 204; };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::fail) == "no-signature wrong-signature");
    CHECK(says(results.at("wrong-signature"), "forged"));
}

TEST_CASE("a refusal that is none gets a warning") {
    Endpoint endpoint;
    endpoint.on_event = [&](const ClientRequest& request) {
        return endpoint.is_right(request) ? 200 : 500;
    };
    CHECK(named(results_of(endpoint), Verdict::warn) == "no-signature wrong-signature");
}

TEST_CASE("an endpoint that redirects fails, and it is said where to") {
    Endpoint endpoint;
    endpoint.on_event = [](const ClientRequest&) { return 200; };
    class Redirect : public net::HttpClient {
        ClientResponse perform(const ClientRequest&) override {
            return {307, {{"location", "https://h.example/new?challengeCode=x"}}, ""};
        }
    } redirect;
    EndpointCheck check(redirect, "https://h.example/p", secret, WallTime{}, [] { return Time{}; });
    for (const auto& result : check.run()) {
        if (result.name != "handshake" && result.name != "event" &&
            result.name != "wrong-signature") {
            continue;
        }
        CAPTURE(result.name);
        CHECK(result.verdict == Verdict::fail);
        CHECK(says(result, "redirects (status 307) to https://h.example/new:"));
    }
}

TEST_CASE("a receiver that refuses handshakes can't be subscribed") {
    Endpoint endpoint;
    endpoint.may_sign = [](const std::string&) { return false; };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::fail) == "handshake");
    CHECK(says(results.at("handshake"), "--no-handshake"));
}

TEST_CASE("a repeat has to be accepted") {
    Endpoint endpoint;
    std::map<std::string, int> seen;
    endpoint.on_event = [&](const ClientRequest& request) {
        if (!endpoint.is_right(request)) return 401;
        return ++seen[request.body] > 2 ? 409 : 200;
    };
    CHECK(named(results_of(endpoint), Verdict::fail) == "repeat");
}

TEST_CASE("a receiver that verifies decoded text gets a warning") {
    Endpoint endpoint;
    endpoint.on_event = [&](const ClientRequest& request) {
        const auto latin1 = text::utf8_to_latin1(request.body);
        if (!latin1) return 500;
        return endpoint.is_right(request) ? 200 : 401;
    };
    CHECK(named(results_of(endpoint), Verdict::warn) == "non-ascii");
}

TEST_CASE("slow answers get a warning") {
    Endpoint endpoint;
    endpoint.before = [&](const ClientRequest&) { endpoint.now += 5s; };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::warn) == "time");
    CHECK(results.at("time").took == 5001ms);
}

TEST_CASE("http is all right on this machine only") {
    Endpoint endpoint;
    CHECK(results_of(endpoint, "http://127.0.0.1:8080/").at("url").verdict == Verdict::pass);
    CHECK(results_of(endpoint, "http://h.example/").at("url").verdict == Verdict::warn);
}

TEST_CASE("an endpoint that can't be reached is asked once") {
    for (const auto kind :
         {TransportError::Kind::connect, TransportError::Kind::resolve, TransportError::Kind::tls,
          TransportError::Kind::proxy, TransportError::Kind::timeout}) {
        Endpoint endpoint;
        endpoint.before = [kind](const ClientRequest&) {
            throw TransportError(kind, false, "no way to it");
        };
        const auto results = results_of(endpoint);
        CHECK(endpoint.requests == 1);
        CHECK(named(results, Verdict::fail) == "handshake");
        CHECK(says(results.at("handshake"), "no way to it"));
    }
}

TEST_CASE("an endpoint that answers nothing is given up after two requests") {
    Endpoint endpoint;
    endpoint.before = [](const ClientRequest&) {
        throw TransportError(TransportError::Kind::timeout, true, "silence");
    };
    CHECK(named(results_of(endpoint), Verdict::fail) == "event handshake");
    CHECK(endpoint.requests == 2);
}

TEST_CASE("no answer to a bad signature is a failure, and the rest is asked") {
    Endpoint endpoint;
    endpoint.before = [&](const ClientRequest& request) {
        if (!endpoint.find_code(request) && !endpoint.is_right(request)) {
            throw TransportError(TransportError::Kind::timeout, true, "silence");
        }
    };
    const auto results = results_of(endpoint);
    CHECK(named(results, Verdict::fail) == "no-signature wrong-signature");
    CHECK(says(results.at("wrong-signature"), "silence"));
    CHECK(named(results, Verdict::warn) == "oracle");
    CHECK(results.contains("time"));
}

TEST_CASE("a kept connection that was closed is no failure, one that breaks each time is") {
    Endpoint endpoint;
    endpoint.before = [&](const ClientRequest&) {
        if (endpoint.requests % 2 == 0)
            throw TransportError(TransportError::Kind::broken, true, "closed");
    };
    EndpointCheck check(endpoint, "https://h.example/", secret, WallTime{},
                        [&endpoint] { return endpoint.now; });
    for (const auto& result : check.run()) {
        CAPTURE(result.name);
        CHECK(result.verdict == Verdict::pass);
    }
    Endpoint broken;
    broken.before = [&](const ClientRequest& request) {
        if (!request.body.empty())
            throw TransportError(TransportError::Kind::broken, true, "closed");
    };
    EndpointCheck other(broken, "https://h.example/", secret, WallTime{},
                        [&broken] { return broken.now; });
    const auto results = other.run();
    const auto event = std::find_if(results.begin(), results.end(),
                                    [](const auto& each) { return each.name == "event"; });
    REQUIRE(event != results.end());
    CHECK(event->verdict == Verdict::fail);
    CHECK(says(*event, "closed"));
}

TEST_CASE("results as TSV, JSON, and a table that wraps its words") {
    const std::vector<CheckResult> results{
        {"event", Verdict::pass, 1'600us, "status 200"},
        {"oracle", Verdict::fail, 12ms, "one two three four five six seven\tand \x1b[31m eight"},
        {"url", Verdict::warn, 0us, "http"}};
    const Terminal pipe;
    CHECK(render_checks(results, {}, pipe, false) ==
          "event\tpass\t2\tstatus 200\n"
          "oracle\tfail\t12\tone two three four five six seven\\tand \x1b[31m eight\n"
          "url\twarn\t0\thttp\n");
    const auto json = nlohmann::json::parse(render_checks(results, {"json", false}, pipe, false));
    REQUIRE(json.size() == 3);
    CHECK(json[1]["check"] == "oracle");
    CHECK(json[1]["verdict"] == "fail");
    CHECK(json[1]["milliseconds"] == 12);
    Terminal terminal;
    terminal.stdout_is_tty = true;
    terminal.columns = 60;
    const auto table = render_checks(results, {}, terminal, false);
    CHECK(table ==
          "pass  event     1.6 ms  status 200\n"
          "fail  oracle     12 ms  one two three four five six\n"
          "                        seven\tand \\x1b[31m eight\n"
          "warn  url            -  http\n");
    const auto coloured = render_checks(results, {}, terminal, true);
    CHECK(coloured.find("\x1b[31mfail\x1b[0m  oracle") != std::string::npos);
    CHECK(render_checks(results, {"table", false}, pipe, true).find('\x1b') == std::string::npos);
}

}  // namespace

}  // namespace pwh::commands
