// SPDX-License-Identifier: Apache-2.0
#include "store/token_cache.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "base/file.hpp"

using namespace pwh::store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const pwh::WallTime now{std::chrono::seconds(1'800'000'000)};
const TokenOwner ada{"https", "eu.preservica.com", "LOVELACE", "ada", {"password", "p", ""}};

class Folder {
  public:
    Folder() {
        auto pattern = (fs::temp_directory_path() / "pwh-tokens-XXXXXX").native();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    TokenCache cache() const { return {StateFolder(path_ / "pwh"), diagnostics_}; }
    fs::path file(const std::string& name) const { return path_ / "pwh" / name; }
    std::string content(const std::string& name) const {
        std::ifstream stream(file(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(file(name), std::ios::binary) << text;
    }
    std::string said() const {
        std::array<char, 4096> buffer{};
        const auto n = ::pread(stderr_.get(), buffer.data(), buffer.size(), 0);
        return {buffer.data(), static_cast<std::size_t>(n)};
    }

  private:
    fs::path path_;
    pwh::UniqueFd stderr_{::memfd_create("stderr", MFD_CLOEXEC)};
    pwh::Diagnostics diagnostics_{stderr_.get(), pwh::Verbosity::verbose};
};

CachedToken token(const std::string& access, pwh::WallTime issued = now) {
    return {access, "r-" + access, "LOVELACE", issued, issued + 15min, true};
}

std::string found(const TokenCache& cache, const TokenOwner& owner) {
    const auto kept = cache.find(owner);
    return kept ? kept->access : "none";
}

unsigned mode_of(const fs::path& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a token comes back as it was kept, in files for their owner only") {
    const Folder folder;
    const auto cache = folder.cache();
    CHECK_FALSE(cache.find(ada));
    CHECK_FALSE(fs::exists(folder.file("")));
    cache.keep(ada, token("t"), now);
    const auto kept = cache.find(ada);
    REQUIRE(kept);
    CHECK(kept->access == "t");
    CHECK(kept->refresh == "r-t");
    CHECK(kept->tenant == "LOVELACE");
    CHECK(kept->issued == now);
    CHECK(kept->expires == now + 15min);
    CHECK(kept->second_factor);
    for (const char* name : {"tokens.json", "tokens.key", "tokens.lock"}) {
        CHECK(mode_of(folder.file(name)) == 0600);
    }
    CHECK(folder.said().empty());
}

TEST_CASE("a token serves only the very same owner") {
    const Folder folder;
    const auto cache = folder.cache();
    cache.keep(ada, token("t"), now);
    const auto without = [&](auto change) {
        auto owner = ada;
        change(owner);
        return found(cache, owner);
    };
    CHECK(without([](TokenOwner&) {}) == "t");
    CHECK(without([](TokenOwner& owner) { owner.protocol = "http"; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.server = "us.preservica.com"; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.tenant = ""; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.username = "bob"; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.credentials[1] = "wrong"; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.credentials[1] = ""; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.credentials[2] = "SEED"; }) == "none");
    CHECK(without([](TokenOwner& owner) { owner.credentials[0] = "shared-secret"; }) == "none");
    // Nothing flows from one field into the next.
    CHECK(without([](TokenOwner& owner) {
              owner.tenant = "LOVELACEa";
              owner.username = "da";
          }) == "none");
}

TEST_CASE("the file holds neither the password nor anything that depends on it alone") {
    const Folder one;
    const Folder two;
    auto owner = ada;
    owner.credentials[1] = "correct-horse";
    one.cache().keep(owner, token("t"), now);
    two.cache().keep(owner, token("t"), now);
    CHECK(one.content("tokens.json").find("correct-horse") == std::string::npos);
    CHECK(one.content("tokens.json") != two.content("tokens.json"));
    CHECK(one.content("tokens.key") != two.content("tokens.key"));
    CHECK(one.content("tokens.key").size() == 65);
    // Another folder's key finds nothing.
    one.put("tokens.key", two.content("tokens.key"));
    CHECK(found(one.cache(), owner) == "none");
}

TEST_CASE("one token for each owner, and what expired goes") {
    const Folder folder;
    const auto cache = folder.cache();
    auto bob = ada;
    bob.username = "bob";
    cache.keep(ada, token("a"), now);
    cache.keep(bob, token("b"), now);
    cache.keep(ada, token("a2"), now);
    CHECK(found(cache, ada) == "a2");
    CHECK(found(cache, bob) == "b");
    CHECK(folder.content("tokens.json").find("\"a\"") == std::string::npos);
    cache.keep(ada, token("a3", now + 15min), now + 15min);
    CHECK(found(cache, bob) == "none");
    // Nor does one stay that a clock which was set back makes live longer.
    cache.keep(bob, token("b2"), now);
    CHECK(found(cache, ada) == "none");
}

TEST_CASE("no more than 64 are kept") {
    const Folder folder;
    const auto cache = folder.cache();
    auto owner = ada;
    for (int i = 0; i < 66; ++i) {
        owner.username = std::to_string(i);
        cache.keep(owner, token("t"), now);
    }
    owner.username = "1";
    CHECK(found(cache, owner) == "none");
    owner.username = "2";
    CHECK(found(cache, owner) == "t");
}

TEST_CASE("only the token that was refused is dropped") {
    const Folder folder;
    const auto cache = folder.cache();
    cache.drop(ada, "t");
    cache.keep(ada, token("t"), now);
    cache.drop(ada, "older");
    CHECK(found(cache, ada) == "t");
    cache.drop(ada, "t");
    CHECK(found(cache, ada) == "none");
}

TEST_CASE("a damaged cache is no cache, and is replaced") {
    const std::string entry =
        R"({"id":"x","token":"t","refreshToken":"","tenant":"","issued":1,"expires":2,"secondFactor":false})";
    for (
        const std::string& damaged :
        {std::string("not JSON"), std::string("{"), std::string("[]"), std::string("null"),
         std::string(R"({"version":2,"entries":[]})"), std::string(R"({"version":1})"),
         std::string(R"({"version":1,"entries":7})"), std::string(R"({"version":1,"entries":[7]})"),
         R"({"version":1,"entries":[)" + entry + R"(,{"id":"x"}]})",
         std::string(
             R"({"version":1,"entries":[{"id":"x","token":"t","refreshToken":"","tenant":"","issued":1e300,"expires":2,"secondFactor":false}]})"),
         std::string(2U << 20U, ' ')}) {
        CAPTURE(damaged.substr(0, 200));
        const Folder folder;
        const auto cache = folder.cache();
        cache.keep(ada, token("t"), now);
        folder.put("tokens.json", damaged);
        CHECK(found(cache, ada) == "none");
        cache.drop(ada, "t");
        cache.keep(ada, token("t2"), now);
        CHECK(found(cache, ada) == "t2");
        CHECK(folder.said().empty());
    }
}

TEST_CASE("a damaged key is replaced, and what it kept is gone") {
    const Folder folder;
    const auto cache = folder.cache();
    cache.keep(ada, token("t"), now);
    for (const std::string damaged : {"", "x", "00ff\n"}) {
        folder.put("tokens.key", damaged);
        CHECK(found(cache, ada) == "none");
        cache.keep(ada, token("t2"), now);
        CHECK(found(cache, ada) == "t2");
        CHECK(folder.content("tokens.key").size() == 65);
    }
}

TEST_CASE("a folder that can't be used is told of, and no more") {
    const Folder folder;
    const pwh::UniqueFd err{::memfd_create("stderr", MFD_CLOEXEC)};
    const pwh::Diagnostics verbose(err.get(), pwh::Verbosity::verbose);
    const TokenCache cache(StateFolder("/dev/null/pwh"), verbose);
    CHECK_FALSE(cache.find(ada));
    CHECK_FALSE(cache.take_turn(ada));
    cache.keep(ada, token("t"), now);
    cache.drop(ada, "t");
    std::array<char, 4096> buffer{};
    const auto n = ::pread(err.get(), buffer.data(), buffer.size(), 0);
    const std::string said(buffer.data(), static_cast<std::size_t>(n));
    CHECK(said.find("cannot write the token cache") != std::string::npos);
    CHECK(said.find("/dev/null/pwh") != std::string::npos);
}

TEST_CASE("one at a time signs in to an account, and to another nobody waits") {
    const Folder folder;
    const auto cache = folder.cache();
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const auto turn = cache.take_turn(ada);
        pwh::write_all(ready[1], "x");
        for (int i = 0; i < 12'000 && folder.said().empty(); ++i) std::this_thread::sleep_for(5ms);
        cache.keep(ada, token("theirs"), now);
        ::_exit(turn ? 0 : 1);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    auto bob = ada;
    bob.username = "bob";
    CHECK(cache.take_turn(bob));
    CHECK(folder.said().empty());
    CHECK(cache.take_turn(ada));
    CHECK(found(cache, ada) == "theirs");
    CHECK(folder.said().find("waiting for another pwh") != std::string::npos);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("ten at once: one signs in") {
    const Folder folder;
    const auto cache = folder.cache();
    const pwh::UniqueFd sign_ins(::memfd_create("sign-ins", MFD_CLOEXEC));
    REQUIRE(::fcntl(sign_ins.get(), F_SETFL, O_APPEND) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 10; ++i) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            const auto turn = cache.take_turn(ada);
            if (!cache.find(ada)) {
                pwh::write_all(sign_ins.get(), "x");
                std::this_thread::sleep_for(50ms);
                cache.keep(ada, token("t"), now);
            }
            ::_exit(turn && found(cache, ada) == "t" ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const auto child : children) {
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    struct stat info {};
    REQUIRE(::fstat(sign_ins.get(), &info) == 0);
    CHECK(info.st_size == 1);
}

TEST_CASE("many that write at once lose nothing") {
    const Folder folder;
    const auto cache = folder.cache();
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            auto owner = ada;
            for (int round = 0; round < 5; ++round) {
                owner.username = std::to_string(i) + "-" + std::to_string(round);
                cache.keep(owner, token("t"), now);
            }
            ::_exit(0);
        }
        children.push_back(child);
    }
    for (const auto child : children) REQUIRE(::waitpid(child, nullptr, 0) == child);
    auto owner = ada;
    for (int i = 0; i < 8; ++i) {
        for (int round = 0; round < 5; ++round) {
            owner.username = std::to_string(i) + "-" + std::to_string(round);
            CHECK(found(cache, owner) == "t");
        }
    }
}
