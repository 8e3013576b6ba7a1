// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "preservica/session.hpp"
#include "preservica_fake.hpp"

using namespace pwh::preservica;
using namespace pwh::preservica::fake;
using namespace std::chrono_literals;
using pwh::ExitCode;

namespace {

/// A session that keeps its tokens, and what it asked, shortened to `login`, `refresh` or the
/// token.
struct World : Fixture {
    FakeKeeper keeper;
    Credentials credentials{"ada", "p", "LOVELACE"};

    Tokens tokens(const std::string& access, bool second_factor = false) const {
        return {access, "r-" + access, "FOUND", now, now + 15min, second_factor};
    }
    Session open() { return session(credentials, &keeper); }
    long call(Session& session) {
        return session.call({"GET", {}, {}, {}}, "/api/webhook/subscriptions").status;
    }
    void answers(std::initializer_list<long> statuses) {
        for (const auto status : statuses) http.answer(status, "[]");
    }
    std::vector<std::string> asked() const {
        std::vector<std::string> short_forms;
        for (const auto& line : http.asked) {
            if (contains(line, "/accesstoken/login")) {
                short_forms.emplace_back("login");
            } else if (contains(line, "/accesstoken/refresh")) {
                short_forms.push_back("refresh " + line.substr(line.rfind('=') + 1));
            } else {
                short_forms.push_back(line.substr(line.rfind(' ') + 1));
            }
        }
        return short_forms;
    }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("cold: two requests; warm: one, and the tenant needs none") {
    World world;
    world.credentials.tenant.reset();
    world.http.allow_login();
    world.answers({200, 200});
    auto cold = world.open();
    CHECK(world.call(cold) == 200);
    CHECK(world.keeper.turns == 1);
    auto warm = world.open();
    CHECK(warm.known_tenant().empty());
    CHECK(warm.tenant() == "LOVELACE");
    CHECK(world.call(warm) == 200);
    CHECK(world.asked() == Lines{"login", "t-1", "t-1"});
    CHECK(world.keeper.turns == 1);
}

TEST_CASE("the password is known before a kept token is looked for") {
    World world;
    world.credentials.password.reset();
    world.keeper.kept = world.tokens("kept");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.password_questions == 1);
    CHECK(world.asked() == Lines{"kept"});
}

TEST_CASE("a token that is about to expire is not used") {
    World world;
    world.keeper.kept = world.tokens("old");
    world.now += 14min;
    world.http.allow_login("new");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked() == Lines{"login", "new"});
    CHECK(world.keeper.kept->access == "new");
}

TEST_CASE("who waited for another's sign-in uses its token") {
    World world;
    world.keeper.on_turn = [&] { world.keeper.kept = world.tokens("theirs"); };
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked() == Lines{"theirs"});
}

TEST_CASE("a kept token that is refused is dropped, and a sign-in follows") {
    World world;
    world.keeper.kept = world.tokens("kept");
    world.answers({401});
    world.http.allow_login("new");
    world.answers({200});
    auto session = world.open();
    CHECK(world.call(session) == 200);
    CHECK(world.asked() == Lines{"kept", "login", "new"});
    CHECK(world.keeper.kept->access == "new");
}

TEST_CASE("a sign-in that is refused leaves no token behind that was refused") {
    World world;
    world.keeper.kept = world.tokens("kept");
    world.answers({401});
    world.http.answer(401, R"({"message":"no"})");
    auto session = world.open();
    CHECK(failure_of([&] { world.call(session); }).code() == ExitCode::unauthenticated);
    CHECK_FALSE(world.keeper.kept);
}

TEST_CASE("a refused token gives way to what another pwh got meanwhile, then to a sign-in") {
    World world;
    world.keeper.kept = world.tokens("kept");
    world.keeper.on_turn = [&] {
        if (world.keeper.turns == 1) world.keeper.kept = world.tokens("theirs");
    };
    world.answers({401, 401});
    world.http.allow_login("ours");
    world.answers({401});
    auto session = world.open();
    const auto error = failure_of([&] { world.call(session); });
    CHECK(error.code() == ExitCode::unauthenticated);
    CHECK(world.asked() == Lines{"kept", "theirs", "login", "ours"});
    CHECK_FALSE(world.keeper.kept);
}

TEST_CASE("a refresh saves another code while the token still lives") {
    World world;
    world.keeper.kept = world.tokens("a", true);
    world.now += 11min;
    world.http.allow_login("b");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked() == Lines{"refresh r-a", "b"});
    CHECK(world.keeper.kept->access == "b");
    CHECK(world.keeper.kept->second_factor);
}

TEST_CASE("a refresh that fails leaves a token that is still good, and is not tried again") {
    World world;
    world.keeper.kept = world.tokens("a", true);
    world.now += 11min;
    world.answers({401, 200, 200});
    for (int i = 0; i < 2; ++i) {
        auto session = world.open();
        world.call(session);
    }
    CHECK(world.asked() == Lines{"refresh r-a", "a", "a"});
    world.now += 3min;
    world.http.allow_login("c");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked().back() == "c");
}

TEST_CASE("without a second factor nothing is refreshed") {
    World world;
    world.keeper.kept = world.tokens("a");
    world.now += 14min + 30s;
    world.http.allow_login("b");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked() == Lines{"login", "b"});
}

TEST_CASE("a refused token of a second factor is refreshed, else there is a sign-in") {
    World world;
    world.keeper.kept = world.tokens("a", true);
    world.answers({401});
    world.http.allow_login("b");
    world.answers({200, 401, 401});
    world.http.allow_login("c");
    world.answers({200});
    auto session = world.open();
    world.call(session);
    CHECK(world.asked() == Lines{"a", "refresh r-a", "b"});
    world.call(session);
    CHECK(world.asked() == Lines{"a", "refresh r-a", "b", "b", "refresh r", "login", "c"});
}
