// SPDX-License-Identifier: Apache-2.0
#include "preservica/account.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "preservica_fake.hpp"

using namespace pwh::preservica;
using namespace pwh::preservica::fake;
using pwh::ExitCode;

TEST_CASE("the version, however the XML is written") {
    const auto found = [](const std::string& xml) { return current_version(xml).value_or("none"); };
    CHECK(found("<V><CurrentVersion>8.1.0</CurrentVersion></V>") == "8.1.0");
    CHECK(found("<V xmlns:e='x'>\n<e:CurrentVersion a=\"1\">\n 7.4.2\n</e:CurrentVersion></V>") ==
          "7.4.2");
    CHECK(found("<CurrentVersion/><CurrentVersion>8</CurrentVersion>") == "8");
    CHECK(found("<!-- CurrentVersion>1<! --><CurrentVersion>2.0-rc1</CurrentVersion>") ==
          "2.0-rc1");
    for (const char* none :
         {"", "CurrentVersion", "<CurrentVersion", "<CurrentVersion>", "<CurrentVersion>8",
          "<CurrentVersion></CurrentVersion>", "<CurrentVersion>a b</CurrentVersion>",
          "<CurrentVersion>\x1b[2J</CurrentVersion>", "</CurrentVersion>8<x>",
          "<CurrentVersions>8</CurrentVersions>", "<NotCurrentVersion>8</NotCurrentVersion>",
          "<a>CurrentVersion>8</a>", "<html>"}) {
        CAPTURE(none);
        CHECK(found(none) == "none");
    }
    CHECK(found("<CurrentVersion>" + std::string(65, '1') + "</CurrentVersion>") == "none");
    CHECK(found(std::string(1U << 20U, ' ') + "<CurrentVersion>8</CurrentVersion>") == "none");
}

TEST_CASE("which roles allow webhook administration") {
    CHECK_FALSE(allow_webhook_administration({}));
    CHECK_FALSE(allow_webhook_administration({"ROLE_SDB_ACCESS_USER", "ROLE_SDB_MANAGER_USERS"}));
    for (const char* role :
         {"ROLE_SDB_ADMIN_USER", "ROLE_SDB_MANAGER_USER", "ROLE_SDB_CONFIG_MANAGER_USER"}) {
        CHECK(allow_webhook_administration({"ROLE_SDB_ACCESS_USER", role}));
    }
}

TEST_CASE("roles and version are asked for with the token") {
    Fixture fixture;
    fixture.http.allow_login();
    fixture.http.answer(200, R"({"roles":["B","A",7],"other":{}})");
    fixture.http.answer(200, "<V><CurrentVersion>8.1.0</CurrentVersion></V>", "application/xml");
    fixture.http.answer(403, "");
    fixture.http.answer(503, "");
    auto session = fixture.session();
    Account account(session);
    CHECK(account.roles() == std::vector<std::string>{"B", "A"});
    CHECK(account.version() == "8.1.0");
    CHECK_FALSE(account.version());
    CHECK(failure_of([&] { account.version(); }).code() == ExitCode::unavailable);
    CHECK(fixture.http.asked[1] ==
          "GET https://eu.preservica.com/api/user/details | Accept: application/json | "
          "Preservica-Access-Token: t-1");
    CHECK(fixture.http.asked[2] ==
          "GET https://eu.preservica.com/api/entity/versiondetails/version | Accept: "
          "application/xml | Preservica-Access-Token: t-1");
}

TEST_CASE("an answer without roles is said to be one") {
    for (const char* body : {"{}", "[]", R"({"roles":"ROLE"})", "7"}) {
        Fixture fixture;
        fixture.http.allow_login();
        fixture.http.answer(200, body);
        auto session = fixture.session();
        const auto error = failure_of([&] { Account(session).roles(); });
        CHECK(error.code() == ExitCode::unavailable);
        CHECK(contains(error.what(), "holds no roles"));
    }
}
