// SPDX-License-Identifier: Apache-2.0
#include "preservica/authenticator.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "crypto/crypto.hpp"
#include "crypto/totp.hpp"
#include "preservica_fake.hpp"
#include "text/hex.hpp"

using namespace pwh::preservica;
using namespace pwh::preservica::fake;
using namespace std::chrono_literals;
using pwh::ExitCode;

namespace {

constexpr auto seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";  // RFC 6238's
constexpr auto form =
    " | Content-Type: application/x-www-form-urlencoded | Accept: application/json | ";

std::string post(const std::string& endpoint, const std::string& body) {
    return "POST https://eu.preservica.com/api/accesstoken/" + endpoint + form + body;
}

std::string code_at(pwh::WallTime time) {
    return pwh::crypto::Totp::from_seed(seed)->code(time);
}

struct World : Fixture {
    World() { diagnostics = pwh::Diagnostics(stderr_.get(), pwh::Verbosity::normal); }

    void want_code(const std::string& continuation = "c/1",
                   const std::string& name = "continuationToken") {
        http.answer(401, R"({"success":false,"message":"needs.2fa",")" + name + R"(":")" +
                             continuation + R"(","tenant":"FOUND"})");
    }
    void refuse_code() { http.answer(401, R"({"message":"code was used"})"); }

    Credentials credentials{"ada", "p&w", "LOVELACE", seed};
    Tokens sign_in() {
        Authenticator authenticator(http, {"https", "eu.preservica.com"}, credentials, support(),
                                    diagnostics);
        return authenticator.sign_in();
    }
    std::string said() const {
        std::array<char, 4096> buffer{};
        const auto n = ::pread(stderr_.get(), buffer.data(), buffer.size(), 0);
        return {buffer.data(), static_cast<std::size_t>(n)};
    }

  private:
    pwh::UniqueFd stderr_{::memfd_create("stderr", MFD_CLOEXEC)};
};

const auto login = post("login", "username=ada&password=p%26w&tenant=LOVELACE");

}  // namespace

TEST_CASE("tokens tell how long they live") {
    World world;
    world.http.allow_login();
    const auto tokens = world.sign_in();
    CHECK(tokens.access == "t-1");
    CHECK(tokens.refresh == "r");
    CHECK(tokens.tenant == "LOVELACE");
    CHECK(tokens.issued == world.now);
    CHECK(tokens.expires == world.now + 15min);
    CHECK_FALSE(tokens.second_factor);
    struct Case {
        std::string valid_for;
        pwh::WallTime::duration lifetime;
    };
    for (const auto& each :
         {Case{"1", 1min}, Case{"20.9", 20min}, Case{"0", 15min}, Case{"-3", 15min},
          Case{"0.5", 15min}, Case{"\"7\"", 15min}, Case{"1e300", 24h},
          Case{"18446744073709551615", 24h}, Case{"null", 15min}}) {
        CAPTURE(each.valid_for);
        world.http.answer(200, R"({"token":"t","validFor":)" + each.valid_for + "}");
        const auto read = world.sign_in();
        CHECK(read.expires - read.issued == each.lifetime);
        CHECK(read.refresh.empty());
    }
}

TEST_CASE("when tokens are good, and when a refresh is due") {
    const pwh::WallTime start{std::chrono::hours(1000)};
    Tokens tokens{"t", "r", "T", start, start + 15min, true};
    CHECK(tokens.usable(start));
    CHECK(tokens.usable(start + 13min));
    CHECK_FALSE(tokens.usable(start + 14min));
    CHECK_FALSE(tokens.usable(start - 1s));
    CHECK_FALSE(tokens.due_for_refresh(start + 9min));
    CHECK(tokens.due_for_refresh(start + 10min));
    CHECK(tokens.due_for_refresh(start + 15min - 1s));
    CHECK_FALSE(tokens.due_for_refresh(start + 15min));
    tokens.second_factor = false;
    CHECK_FALSE(tokens.due_for_refresh(start + 14min));
    tokens.expires = start + 1min;
    CHECK(tokens.usable(start + 44s));
    CHECK_FALSE(tokens.usable(start + 45s));
    CHECK_FALSE(Tokens{}.usable(start));
}

TEST_CASE("a second factor from the seed, with either spelling of the continuation token") {
    for (const std::string name : {"continuationToken", "continuation-token"}) {
        World world;
        world.want_code("c/1", name);
        world.http.answer(200, R"({"token":"t-2","refresh-token":"r-2","validFor":15})");
        const auto tokens = world.sign_in();
        CHECK(tokens.access == "t-2");
        CHECK(tokens.tenant == "FOUND");
        CHECK(tokens.second_factor);
        CHECK(world.http.asked ==
              std::vector<std::string>{login, post("complete-2fa",
                                                   "username=ada&tenant=FOUND&continuationToken="
                                                   "c%2F1&twoFactorToken=" +
                                                       code_at(world.now))});
        CHECK(world.sleeps.empty());
        CHECK(world.code_questions == 0);
        CHECK(world.said().empty());
    }
}

TEST_CASE("a refused code is tried again with the next one, once, and says that it waits") {
    World world;
    world.want_code("c1");
    world.refuse_code();
    world.want_code("c2");
    world.http.allow_login();
    const auto first = code_at(world.now);
    CHECK(world.sign_in().second_factor);
    CHECK(world.sleeps == std::vector<std::chrono::milliseconds>{20s});
    const auto second = code_at(world.now);
    CHECK(first != second);
    REQUIRE(world.http.asked.size() == 4);
    CHECK(contains(world.http.asked[1], "continuationToken=c1&twoFactorToken=" + first));
    CHECK(world.http.asked[2] == login);
    CHECK(contains(world.http.asked[3], "continuationToken=c2&twoFactorToken=" + second));
    CHECK(contains(world.said(), "waiting 20 s for the next one"));
}

TEST_CASE("a code that is refused twice ends it") {
    World world;
    for (int i = 0; i < 2; ++i) {
        world.want_code();
        world.refuse_code();
    }
    const auto error = failure_of([&] { world.sign_in(); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(std::string(error.what()) ==
          "the second factor of ada at eu.preservica.com was refused: code was used");
    CHECK(contains(error.hint(), "PRESERVICA_2FA_TOKEN"));
    CHECK(world.http.asked.size() == 4);
    CHECK(world.sleeps.size() == 1);
}

TEST_CASE("a wait that was cut short still takes the next code") {
    World world;
    world.want_code();
    world.refuse_code();
    world.want_code();
    world.http.allow_login();
    const auto next = code_at(world.now + 20s);
    auto support = world.support();
    support.sleep = [&](auto) { world.now += 19s; };
    Authenticator authenticator(world.http, {"https", "eu.preservica.com"}, world.credentials,
                                support, world.diagnostics);
    authenticator.sign_in();
    CHECK(contains(world.http.asked[3], "twoFactorToken=" + next));
}

TEST_CASE("a seed that is none is a wrong setting, and is not shown") {
    for (const char* bad : {"123456", "234567", "not base32!", "0189"}) {
        World world;
        world.credentials.two_factor_seed = bad;
        world.want_code();
        const auto error = failure_of([&] { world.sign_in(); });
        CHECK(error.code() == ExitCode::usage);
        CHECK(contains(error.what(), "not base32"));
        CHECK_FALSE(contains(error.what() + error.hint(), bad));
        CHECK(world.http.asked.size() == 1);
        // Where no code is wanted, nobody minds.
        world.http.allow_login();
        CHECK(world.sign_in().access == "t-1");
    }
}

TEST_CASE("without a seed the code is asked for") {
    World world;
    world.credentials.two_factor_seed.reset();
    world.want_code();
    world.http.allow_login();
    world.codes = {"nonsense", "12345", " 123 456 "};
    CHECK(world.sign_in().second_factor);
    CHECK(contains(world.http.asked[1], "twoFactorToken=123456"));
    CHECK(world.code_questions == 3);
    CHECK(contains(world.said(), "a code has 6 digits"));
}

TEST_CASE("a typed code that is refused is asked for once more") {
    World world;
    world.credentials.two_factor_seed.reset();
    for (int i = 0; i < 2; ++i) {
        world.want_code();
        world.refuse_code();
    }
    world.codes = {"111111", "222222", "333333"};
    const auto error = failure_of([&] { world.sign_in(); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(world.code_questions == 2);
    CHECK(world.http.asked.size() == 4);
    CHECK(world.sleeps.empty());
}

TEST_CASE("no code at all") {
    World world;
    world.credentials.two_factor_seed.reset();
    world.want_code();
    const auto error = failure_of([&] { world.sign_in(); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(contains(error.hint(), "PRESERVICA_2FA_TOKEN"));
    world.want_code();
    world.codes = {"", "", ""};
    CHECK(failure_of([&] { world.sign_in(); }).code() == ExitCode::unauthenticated);
    CHECK(world.http.asked.size() == 2);
}

TEST_CASE("a demand for a code that lacks what is needed") {
    World world;
    world.http.answer(401, R"({"message":"needs.2fa","continuationToken":7})");
    CHECK(failure_of([&] { world.sign_in(); }).code() == ExitCode::unavailable);
    world.http.answer(401, R"({"message":"needs.2fa","continuationToken":"c"})");
    world.http.allow_login();
    world.sign_in();
    CHECK(contains(world.http.asked.back(), "tenant=LOVELACE"));
    world.credentials.tenant.reset();
    world.http.answer(401, R"({"message":"needs.2fa","continuationToken":"c"})");
    CHECK(contains(failure_of([&] { world.sign_in(); }).what(), "needs the tenant"));
}

TEST_CASE("a shared secret is hashed, never sent, and comes with a warning") {
    World world;
    world.credentials = {"ada", "s3cret", "LOVELACE", {}, true};
    world.http.answer(200, R"({"token":"t","validFor":15})");
    const auto tokens = world.sign_in();
    CHECK(tokens.access == "t");
    const auto hash = pwh::text::to_hex(
        pwh::crypto::sha1("preservica-external-auth1800000010ada" + std::string("s3cret")));
    CHECK(
        world.http.asked ==
        std::vector<std::string>{post(
            "acquire-external", "username=ada&tenant=LOVELACE&timestamp=1800000010&hash=" + hash)});
    CHECK(contains(world.said(), "warning: Preservica is removing"));

    world.http.answer(401, R"({"message":"no"})");
    const auto error = failure_of([&] { world.sign_in(); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(contains(error.hint(), "the secret that the tenant shares"));
    world.credentials.tenant.reset();
    CHECK(failure_of([&] { world.sign_in(); }).code() == ExitCode::usage);
    CHECK(world.http.asked.size() == 2);
}

TEST_CASE("a refresh keeps the second factor, and fails quietly") {
    World world;
    Authenticator authenticator(world.http, {"https", "eu.preservica.com"}, world.credentials,
                                world.support(), world.diagnostics);
    const Tokens old{"a-1", "r&1", "T", world.now, world.now + 15min, true};
    world.now += 12min;
    world.http.answer(200, R"({"token":"a-2","refresh-token":"r-2","validFor":15})");
    const auto fresh = authenticator.refresh(old);
    REQUIRE(fresh);
    CHECK(fresh->access == "a-2");
    CHECK(fresh->refresh == "r-2");
    CHECK(fresh->tenant == "T");
    CHECK(fresh->second_factor);
    CHECK(fresh->expires == world.now + 15min);
    CHECK(world.http.asked[0] ==
          "POST https://eu.preservica.com/api/accesstoken/refresh | Content-Type: "
          "application/x-www-form-urlencoded | Accept: application/json | "
          "Preservica-Access-Token: a-1 | refreshToken=r%261");
    world.http.answer(401, R"({"message":"used"})");
    CHECK_FALSE(authenticator.refresh(old));
    world.http.answer(200, "<html>", "text/html");
    CHECK_FALSE(authenticator.refresh(old));
    CHECK_FALSE(authenticator.refresh({"a", "", "T", world.now, world.now + 15min, true}));
    CHECK(world.http.asked.size() == 3);
    CHECK(world.said().empty());
}
