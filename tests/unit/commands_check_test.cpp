// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <vector>

#include "commands_check_endpoint.hpp"
#include "text/utf8.hpp"

namespace pwh::commands::check_test {

namespace {

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

}  // namespace pwh::commands::check_test
