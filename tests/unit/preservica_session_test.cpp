// SPDX-License-Identifier: Apache-2.0
#include "preservica/session.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "preservica/subscriptions.hpp"
#include "preservica_fake.hpp"

using namespace pwh::preservica;
using namespace pwh::preservica::fake;
using pwh::Error;
using pwh::ExitCode;

namespace {

constexpr auto login_line =
    "POST https://eu.preservica.com/api/accesstoken/login | Content-Type: "
    "application/x-www-form-urlencoded | Accept: application/json | "
    "username=ada&password=p%26w&tenant=LOVELACE";
constexpr auto list_line =
    "GET https://eu.preservica.com/api/webhook/subscriptions | Accept: application/json | "
    "Preservica-Access-Token: ";

Error login_failure(long status, const std::string& body,
                    const std::string& type = "application/json") {
    Fixture fixture;
    fixture.http.answer(status, body, type);
    auto session = fixture.session();
    auto error = failure_of([&] { Subscriptions(session).list(); });
    CHECK(fixture.http.asked.size() == 1);
    CHECK_FALSE(contains(error.what(), "p&w"));
    return error;
}

}  // namespace

TEST_CASE("the first call signs in, with the tenant that is set") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(200, "[]");
    fixture.http.answer(200, "[]");
    auto session = fixture.session();
    CHECK(session.tenant() == "LOVELACE");
    CHECK(fixture.http.asked.empty());
    CHECK(Subscriptions(session).list().empty());
    CHECK(Subscriptions(session).list().empty());
    CHECK(fixture.http.asked == std::vector<std::string>{login_line, std::string(list_line) + "t-1",
                                                         std::string(list_line) + "t-1"});
    CHECK(fixture.password_questions == 0);
}

TEST_CASE("without a tenant, the login finds it out") {
    Fixture fixture;
    fixture.http.allow_login();
    auto session = fixture.session({"ada", std::nullopt, std::nullopt});
    CHECK(session.tenant() == "LOVELACE");
    CHECK(session.tenant() == "LOVELACE");
    REQUIRE(fixture.http.asked.size() == 1);
    CHECK(contains(fixture.http.asked[0], "| username=ada&password=asked&includeUserDetails=true"));
    CHECK(fixture.password_questions == 1);
}

TEST_CASE("a login that does not say the tenant is an error only where it is needed") {
    Fixture fixture;
    fixture.http.answer(200, R"({"token":"t"})");
    auto session = fixture.session({"ada", "p", std::nullopt});
    const auto error = failure_of([&] { session.tenant(); });
    CHECK(contains(error.what(), "does not say which tenant ada belongs to"));
    CHECK(contains(error.hint(), "--tenant"));
}

TEST_CASE("without a username nothing is asked") {
    Fixture fixture;
    auto session = fixture.session({"", std::nullopt, std::nullopt});
    const auto error = failure_of([&] { session.tenant(); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(contains(error.hint(), "PRESERVICA_USERNAME"));
    CHECK(fixture.password_questions == 0);
    CHECK(fixture.http.asked.empty());
}

TEST_CASE("an expired token: one fresh login, and the call again") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(401, "");
    fixture.http.allow_login("t-2");
    fixture.http.answer(200, std::string("[") + one_subscription + "]");
    auto session = fixture.session({"ada", std::nullopt, "LOVELACE"});
    CHECK(Subscriptions(session).list().size() == 1);
    REQUIRE(fixture.http.asked.size() == 4);
    CHECK(fixture.http.asked[1] == std::string(list_line) + "t-1");
    CHECK(fixture.http.asked[2] == fixture.http.asked[0]);
    CHECK(fixture.http.asked[3] == std::string(list_line) + "t-2");
    CHECK(fixture.password_questions == 1);
}

TEST_CASE("a second 401 ends it") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(401, "");
    fixture.http.allow_login("t-2");
    fixture.http.answer(401, R"({"message":"no\nsuch token"})");
    auto session = fixture.session();
    const auto error = failure_of([&] { Subscriptions(session).list(); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(contains(error.what(), "eu.preservica.com"));
    CHECK(contains(error.what(), ": no such token"));
    CHECK(fixture.http.asked.size() == 4);
}

TEST_CASE("a refused login names user and server, and says where credentials are set") {
    const auto error = login_failure(401, R"({"message":"bad credentials"})");
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(std::string(error.what()) ==
          "the login of ada at eu.preservica.com was refused: bad credentials");
    CHECK(contains(error.hint(), "PRESERVICA_PASSWORD"));
    CHECK(login_failure(401, "").code() == ExitCode::unauthenticated);
    CHECK(login_failure(403, "<html>", "text/html").code() == ExitCode::unauthenticated);
}

TEST_CASE("a message that repeats the password is not shown") {
    const auto error = login_failure(401, R"({"message":"wrong password 'p&w' for ada"})");
    CHECK(std::string(error.what()) == "the login of ada at eu.preservica.com was refused");
}

TEST_CASE("a second factor is named as what is missing") {
    const auto needed = login_failure(
        401,
        R"({"success":false,"message":"needs.2fa","continuationToken":"c","tenant":"LOVELACE"})");
    CHECK(needed.code() == ExitCode::unauthenticated);
    CHECK(contains(needed.what(), "needs a second factor"));
    const auto setup = login_failure(401, R"({"message":"needs.2fa.setup"})");
    CHECK(setup.code() == ExitCode::unauthenticated);
    CHECK(contains(setup.what(), "set up a second factor"));
    CHECK(contains(setup.hint(), "web interface"));
}

TEST_CASE("a login's answer that is none") {
    const auto page = login_failure(200, "<!DOCTYPE html><title>Sign in</title>", "text/html");
    CHECK(page.code() == ExitCode::unavailable);
    CHECK(contains(page.what(), "answered with a web page, not with JSON"));
    CHECK(contains(page.hint(), "--server"));
    CHECK(contains(login_failure(200, R"({"token":"t-1)").what(), "not valid JSON"));
    CHECK(contains(login_failure(200, "").what(), "an empty answer"));
    for (const char* body :
         {"{}", "[]", "\"token\"", R"({"token":""})", R"({"token":7})", R"({"token":"a\r\nX: y"})",
          R"({"token":"a b"})", R"({"token":"é"})", R"({"success":false,"token":null})"}) {
        CAPTURE(body);
        CHECK(login_failure(200, body).code() == ExitCode::unavailable);
    }
}

TEST_CASE("a login that fails for other reasons") {
    CHECK(login_failure(503, "").code() == ExitCode::unavailable);
    CHECK(login_failure(429, "").code() == ExitCode::unavailable);
    CHECK(login_failure(404, "").code() == ExitCode::failure);
    CHECK(login_failure(302, "").code() == ExitCode::unavailable);
}

TEST_CASE("a server's key does not depend on how it is written") {
    CHECK(Server{"https", "EU.Preservica.com"}.key() == "eu.preservica.com");
    CHECK(Server{"https", "eu.preservica.com:443"}.key() == "eu.preservica.com");
    CHECK(Server{"https", "eu.preservica.com:80"}.key() == "eu.preservica.com:80");
    CHECK(Server{"http", "127.0.0.1:80"}.key() == "127.0.0.1");
    CHECK(Server{"http", "127.0.0.1:8080"}.key() == "127.0.0.1:8080");
    CHECK(Server{"http", "[::1]:8080"}.key() == "[::1]:8080");
    CHECK(Server{"http", "[::1]"}.key() == "[::1]");
}
