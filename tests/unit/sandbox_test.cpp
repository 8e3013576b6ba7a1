// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <variant>

#include "crypto/crypto.hpp"
#include "crypto/totp.hpp"
#include "preservica/signature.hpp"
#include "sandbox/api.hpp"
#include "sandbox/handshake.hpp"
#include "sandbox/identifiers.hpp"
#include "text/hex.hpp"
#include "text/percent.hpp"

using namespace pwh;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto seed = "ONQW4ZDCN54C243FMNXW4ZBNMZQWG5DP";

/// An API whose clock the test sets.
struct World {
    WallTime now{std::chrono::seconds(1'800'000'000)};
    sandbox::Api api{[this] { return now; }, 15min};

    net::Response ask(const std::string& method, const std::string& path,
                      const std::string& body = {}, const std::string& token = {}) {
        return api.decide({method, path, token, body}).response;
    }

    net::Response token_call(const std::string& endpoint, const text::FormFields& form,
                             const std::string& token = {}) {
        return ask("POST", "/api/accesstoken/" + endpoint, text::encode_form(form), token);
    }

    net::Response login(const std::string& username) {
        return token_call(
            "login",
            {{"username", username}, {"password", "sandbox-password"}, {"tenant", "SANDBOX"}});
    }

    std::string token_of(const std::string& username) {
        const auto response = login(username);
        REQUIRE(response.status == 200);
        return json::parse(response.body).at("token");
    }

    std::string code() const { return crypto::Totp::from_seed(seed)->code(now); }

    net::Response complete(const std::string& continuation, const std::string& code) {
        return token_call("complete-2fa", {{"username", "second-factor@example.com"},
                                           {"tenant", "SANDBOX"},
                                           {"continuationToken", continuation},
                                           {"twoFactorToken", code}});
    }

    std::string continuation() {
        const auto response = login("second-factor@example.com");
        REQUIRE(response.status == 401);
        return json::parse(response.body).at("continuationToken");
    }
};

std::string message_of(const net::Response& response) {
    CHECK(response.content_type == "application/json");
    return json::parse(response.body).at("message");
}

const auto subscriptions = std::string("/api/webhook/subscriptions");

}  // namespace

TEST_CASE("random UUIDs look like version 4, and ids like the API's") {
    const auto uuid = sandbox::random_uuid();
    CHECK(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) CHECK(uuid[dash] == '-');
    CHECK(uuid != sandbox::random_uuid());
    const auto id = sandbox::random_id();
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("a login gives two tokens") {
    World world;
    const auto response = world.login("admin@example.com");
    REQUIRE(response.status == 200);
    const auto body = json::parse(response.body);
    CHECK(body.at("success") == true);
    CHECK(body.at("user") == "admin@example.com");
    CHECK(body.at("validFor") == 15);
    CHECK(body.at("token") != body.at("refresh-token"));
    CHECK_FALSE(body.contains("tenant"));
}

TEST_CASE("a login that is wrong in any part is refused, in the same words") {
    World world;
    const text::FormFields good{
        {"username", "admin@example.com"}, {"password", "sandbox-password"}, {"tenant", "SANDBOX"}};
    const auto refused = [&](std::size_t part, const char* value) {
        auto form = good;
        form[part].second = value;
        const auto response = world.token_call("login", form);
        CHECK(response.status == 401);
        return message_of(response);
    };
    const auto words = refused(0, "nobody@example.com");
    CHECK(refused(1, "sandbox-passwor") == words);
    CHECK(refused(1, "") == words);
    CHECK(refused(2, "OTHER") == words);
    CHECK(world.token_call("login", good).status == 200);
    CHECK(world.token_call("login", {}).status == 401);
}

TEST_CASE("a login without a tenant has to ask for it") {
    World world;
    text::FormFields form{{"username", "admin@example.com"}, {"password", "sandbox-password"}};
    CHECK(world.token_call("login", form).status == 401);
    form.emplace_back("includeUserDetails", "true");
    const auto response = world.token_call("login", form);
    REQUIRE(response.status == 200);
    CHECK(json::parse(response.body).at("tenant") == "SANDBOX");
    CHECK(json::parse(response.body).at("tenantValue") == "SANDBOX");
}

TEST_CASE("a token ends with its lifetime") {
    World world;
    const auto token = world.token_of("reader@example.com");
    world.now += 15min - 1ms;
    CHECK(world.ask("GET", "/api/user/details", {}, token).status == 200);
    world.now += 1ms;
    const auto late = world.ask("GET", "/api/user/details", {}, token);
    CHECK(late.status == 401);
    CHECK(message_of(late).find("expired") != std::string::npos);
}

TEST_CASE("a lifetime below a minute is announced as one minute") {
    sandbox::Api api([] { return WallTime(1'800'000'000s); }, 2s);
    const auto response =
        api.decide({"POST", "/api/accesstoken/login", "",
                    "username=admin%40example.com&password=sandbox-password&tenant=SANDBOX"});
    CHECK(json::parse(response.response.body).at("validFor") == 1);
}

TEST_CASE("a refresh token works once, and with its user's access token") {
    World world;
    const auto granted = json::parse(world.login("admin@example.com").body);
    const auto refresh = [&](const json& from, const std::string& access) {
        return world.token_call("refresh", {{"refreshToken", from.at("refresh-token")}}, access);
    };
    const auto again = refresh(granted, granted.at("token"));
    REQUIRE(again.status == 200);
    const auto renewed = json::parse(again.body);
    CHECK(renewed.at("token") != granted.at("token"));
    CHECK(world.ask("GET", "/api/user/details", {}, renewed.at("token")).status == 200);
    CHECK(refresh(granted, granted.at("token")).status == 401);
    CHECK(refresh(renewed, world.token_of("reader@example.com")).status == 401);
    const auto third = json::parse(world.login("admin@example.com").body);
    CHECK(refresh(third, "").status == 401);
    const auto late = json::parse(world.login("admin@example.com").body);
    world.now += 15min;
    CHECK(refresh(late, world.token_of("admin@example.com")).status == 401);
}

TEST_CASE("a second factor is asked for, and completes the login") {
    World world;
    const auto response = world.login("second-factor@example.com");
    REQUIRE(response.status == 401);
    const auto body = json::parse(response.body);
    CHECK(body.at("message") == "needs.2fa");
    CHECK(body.at("tenant") == "SANDBOX");
    CHECK_FALSE(body.contains("token"));
    const auto completed = world.complete(body.at("continuationToken"), world.code());
    REQUIRE(completed.status == 200);
    const std::string token = json::parse(completed.body).at("token");
    CHECK(world.ask("GET", subscriptions, {}, token).status == 200);
}

TEST_CASE("a continuation token works once and expires") {
    World world;
    const auto first = world.continuation();
    CHECK(world.complete(first, "000000").status == 401);
    CHECK(world.complete(first, world.code()).status == 401);
    const auto second = world.continuation();
    world.now += 15min;
    CHECK(world.complete(second, world.code()).status == 401);
    CHECK(world.complete("", world.code()).status == 401);
}

TEST_CASE("a code of the second factor works once, and a later one again") {
    World world;
    const auto code = world.code();
    CHECK(world.complete(world.continuation(), code).status == 200);
    CHECK(world.complete(world.continuation(), code).status == 401);
    world.now += 30s;
    CHECK(world.complete(world.continuation(), code).status == 401);
    CHECK(world.complete(world.continuation(), world.code()).status == 200);
}

TEST_CASE("a continuation token is another user's no use") {
    World world;
    const auto response =
        world.token_call("complete-2fa", {{"username", "admin@example.com"},
                                          {"tenant", "SANDBOX"},
                                          {"continuationToken", world.continuation()},
                                          {"twoFactorToken", world.code()}});
    CHECK(response.status == 401);
}

TEST_CASE("an account whose second factor is not set up can't sign in") {
    World world;
    const auto response = world.login("setup@example.com");
    CHECK(response.status == 401);
    CHECK(message_of(response) == "needs.2fa.setup");
}

TEST_CASE("external authentication takes a hash of the shared secret, for a while") {
    World world;
    const auto ask = [&](std::int64_t timestamp, const std::string& secret,
                         const std::string& user) {
        const auto hash = text::to_hex(
            crypto::sha1(fmt::format("preservica-external-auth{}{}{}", timestamp, user, secret)));
        return world
            .token_call("acquire-external", {{"username", user},
                                             {"tenant", "SANDBOX"},
                                             {"timestamp", std::to_string(timestamp)},
                                             {"hash", hash}})
            .status;
    };
    CHECK(ask(1'800'000'000, "sandbox-shared-secret", "admin@example.com") == 200);
    CHECK(ask(1'799'999'700, "sandbox-shared-secret", "admin@example.com") == 200);
    CHECK(ask(1'799'999'699, "sandbox-shared-secret", "admin@example.com") == 401);
    CHECK(ask(1'800'000'301, "sandbox-shared-secret", "admin@example.com") == 401);
    CHECK(ask(1'800'000'000, "another", "admin@example.com") == 401);
    CHECK(ask(1'800'000'000, "sandbox-shared-secret", "nobody@example.com") == 401);
}

TEST_CASE("details and version are told to who signed in") {
    World world;
    const auto token = world.token_of("config@example.com");
    const auto details = world.ask("GET", "/api/user/details", {}, token);
    CHECK(json::parse(details.body).at("roles") ==
          json{"ROLE_SDB_ACCESS_USER", "ROLE_SDB_CONFIG_MANAGER_USER"});
    const auto version = world.ask("GET", "/api/entity/versiondetails/version", {}, token);
    CHECK(version.content_type == "application/xml");
    CHECK(version.body.find("<CurrentVersion>8.1.0</CurrentVersion>") != std::string::npos);
    CHECK(world.ask("GET", "/api/entity/versiondetails/version").status == 401);
}

TEST_CASE("webhook calls need a token, and one of the roles") {
    World world;
    for (const auto* user : {"admin@example.com", "config@example.com"}) {
        CHECK(world.ask("GET", subscriptions, {}, world.token_of(user)).status == 200);
    }
    const auto reader = world.token_of("reader@example.com");
    CHECK(world.ask("GET", subscriptions, {}, reader).status == 403);
    CHECK(world.ask("POST", subscriptions, "{}", reader).status == 403);
    CHECK(world.ask("DELETE", subscriptions + "/1", {}, reader).status == 403);
    CHECK(world.ask("GET", subscriptions).status == 401);
    CHECK(world.ask("GET", subscriptions, {}, sandbox::random_uuid()).status == 401);
}

TEST_CASE("other addresses are 404, other methods 405 with what is allowed") {
    World world;
    CHECK(world.ask("GET", "/").status == 404);
    CHECK(world.ask("GET", "/api/webhook").status == 404);
    CHECK(world.ask("DELETE", subscriptions + "/").status == 404);
    CHECK(world.ask("DELETE", subscriptions + "/a/b").status == 404);
    const auto wrong = world.ask("PUT", subscriptions);
    CHECK(wrong.status == 405);
    REQUIRE(wrong.headers.size() == 1);
    CHECK(wrong.headers.front() == std::pair<std::string, std::string>("Allow", "GET, POST"));
    CHECK(world.ask("GET", subscriptions + "/1").headers.front().second == "DELETE");
    CHECK(world.ask("GET", "/api/accesstoken/login").status == 405);
}

TEST_CASE(
    "a subscription is made after its handshake, listed in order without its secret, and removed") {
    World world;
    const auto token = world.token_of("admin@example.com");
    const auto decision = world.api.decide(
        {"POST", subscriptions, token,
         R"({"url":"http://127.0.0.1:1/a","triggerType":"MOVED","secret":"s3cret","includeIdentifiers":"true"})"});
    REQUIRE(decision.handshake);
    CHECK(world.api.subscriptions().entries().empty());
    const auto refused = world.api.not_subscribed("it answered with status 500");
    CHECK(refused.status == 400);
    CHECK(message_of(refused) == "the URL did not pass the challenge: it answered with status 500");

    const auto made = world.api.subscribed(*decision.handshake);
    CHECK(made.status == 200);
    CHECK(world.api.subscribed(*decision.handshake).status == 200);
    const auto listed = json::parse(world.ask("GET", subscriptions, {}, token).body);
    REQUIRE(listed.size() == 2);
    CHECK(listed[0] == json::parse(made.body));
    CHECK(listed[0].at("id") != listed[1].at("id"));
    CHECK(listed[0].at("includeIdentifiers") == true);
    CHECK(listed.dump().find("s3cret") == std::string::npos);

    const std::string id = listed[0].at("id");
    const auto removed = world.api.decide({"DELETE", subscriptions + "/" + id, token, ""});
    CHECK(removed.response.status == 204);
    CHECK(removed.response.body.empty());
    CHECK(removed.unsubscribed == id);
    CHECK(world.ask("DELETE", subscriptions + "/" + id, {}, token).status == 404);
    CHECK(world.api.subscriptions().entries().size() == 1);
}

TEST_CASE("what is wrong with a subscription is said") {
    const auto problem = [](const char* body) {
        const auto read = sandbox::read_subscription_request(body);
        const auto* found = std::get_if<sandbox::Problem>(&read);
        return found != nullptr ? found->what : std::string();
    };
    CHECK(problem("") == "the body is not a JSON object");
    CHECK(problem("[]") == "the body is not a JSON object");
    CHECK(problem(R"({"url":"ftp://h/","triggerType":"MOVED","secret":"s"})").starts_with("url "));
    CHECK(problem(R"({"url":"/hook","triggerType":"MOVED","secret":"s"})").starts_with("url "));
    CHECK(problem(R"({"url":5,"triggerType":"MOVED","secret":"s"})").starts_with("url "));
    CHECK(problem(R"({"url":"http://h/","triggerType":"moved","secret":"s"})")
              .starts_with("triggerType "));
    CHECK(problem(R"({"url":"http://h/","triggerType":"INDEXED","secret":"s"})")
              .starts_with("triggerType "));
    CHECK(problem(R"({"url":"http://h/","secret":"s"})").starts_with("triggerType "));
    CHECK(
        problem(R"({"url":"http://h/","triggerType":"MOVED","secret":""})").starts_with("secret "));
    CHECK(
        problem(
            R"({"url":"http://h/","triggerType":"MOVED","secret":"s","includeIdentifiers":"yes"})")
            .starts_with("includeIdentifiers "));
    CHECK(
        problem(
            R"({"url":"https://h/","triggerType":"A_NEW_ONE","secret":"s","includeIdentifiers":false})")
            .empty());
}

TEST_CASE("the flag for identifiers is a boolean, or its name, or left out") {
    const auto flag = [](const std::string& field) {
        const auto read = sandbox::read_subscription_request(
            R"({"url":"http://h/","triggerType":"MOVED","secret":"s")" + field + "}");
        return std::get<preservica::NewSubscription>(read).include_identifiers;
    };
    CHECK(flag(R"(,"includeIdentifiers":"true")"));
    CHECK(flag(R"(,"includeIdentifiers":true)"));
    CHECK_FALSE(flag(R"(,"includeIdentifiers":"false")"));
    CHECK_FALSE(flag(""));
}

TEST_CASE("only the right answer to a challenge passes") {
    const auto fault = [](long status, const std::string& body) {
        return sandbox::fault_of_challenge_answer({status, {}, body}, "code", "secret")
            .value_or("");
    };
    const auto right = preservica::Signer("secret").answer_challenge("code");
    CHECK(fault(200, preservica::challenge_answer("code", right)).empty());
    CHECK(fault(200, R"({"more":1,"challengeResponse":")" + right + R"(","challengeCode":"code"})")
              .empty());
    CHECK(fault(201, preservica::challenge_answer("code", right)) == "it answered with status 201");
    CHECK(fault(200, "<html>") == "its answer is not a JSON object");
    CHECK(fault(200, R"({"challengeResponse":")" + right + R"("})") ==
          "its answer has no challengeCode");
    CHECK(fault(200, R"({"challengeCode":"code"})") == "its answer has no challengeResponse");
    CHECK(fault(200, preservica::challenge_answer("other", right)).find("challengeCode is not") !=
          std::string::npos);
    auto upper = right;
    for (auto& c : upper) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    CHECK(fault(200, preservica::challenge_answer("code", upper)).find("lower-case") !=
          std::string::npos);
}
