// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.hpp"
#include "store/secret_store.hpp"
#include "store/state_folder.hpp"

using namespace pwh::store;
namespace fs = std::filesystem;

namespace {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        auto pattern = (fs::temp_directory_path() / "pwh-store-XXXXXX").native();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

unsigned mode_of(const fs::path& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
}

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
}

std::size_t files_in(const fs::path& folder) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

const pwh::WallTime then{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}};
const SecretUse moved{"", "https://h.example/p", "MOVED", false};

}  // namespace

TEST_CASE("the state folder is made with its parents, for its owner only") {
    const TemporaryFolder temporary;
    const StateFolder folder(temporary.path() / "a" / "b" / "pwh");
    CHECK(folder.read("x").empty());
    CHECK_FALSE(fs::exists(temporary.path() / "a"));
    folder.replace("x", "one");
    CHECK(mode_of(folder.path()) == 0700);
    CHECK(mode_of(temporary.path() / "a") == 0700);
    CHECK(mode_of(folder.file("x")) == 0600);
    CHECK(folder.read("x") == "one");
    folder.create();
}

TEST_CASE("a folder that exists is used as it is") {
    const TemporaryFolder temporary;
    fs::permissions(temporary.path(), fs::perms{0750});
    const StateFolder folder(temporary.path());
    folder.replace("x", "one");
    CHECK(mode_of(folder.path()) == 0750);
}

TEST_CASE("a replaced file is another file, and nothing is left beside it") {
    const TemporaryFolder temporary;
    const StateFolder folder(temporary.path());
    folder.replace("x", "one");
    std::ifstream old(folder.file("x"));
    fs::permissions(folder.file("x"), fs::perms{0644});
    folder.replace("x", std::string(100'000, 'y'));
    CHECK(std::string(std::istreambuf_iterator<char>(old), {}) == "one");
    CHECK(folder.read("x") == std::string(100'000, 'y'));
    CHECK(mode_of(folder.file("x")) == 0600);
    CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("what can't be read or written is named") {
    const TemporaryFolder temporary;
    put(temporary.path() / "file", "content");
    const StateFolder below_a_file(temporary.path() / "file" / "pwh");
    try {
        below_a_file.create();
        FAIL("nothing was thrown");
    } catch (const pwh::Error& error) {
        CHECK(error.code() == pwh::ExitCode::failure);
        CHECK(std::string(error.what()).find(below_a_file.path().native()) != std::string::npos);
        CHECK(std::string(error.what()).find("Not a directory") != std::string::npos);
        CHECK(error.hint().find("PWH_STATE_DIR") != std::string::npos);
    }
    CHECK_THROWS_AS(StateFolder(temporary.path() / "file").create(), pwh::Error);
    CHECK_THROWS_AS(StateFolder("").create(), pwh::Error);
    const StateFolder folder(temporary.path());
    fs::create_directory(temporary.path() / "folder");
    CHECK_THROWS_AS((void)folder.read("folder"), pwh::Error);
    CHECK_THROWS_AS(folder.replace("folder", "x"), pwh::Error);
    CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("a link is not followed, and a pipe is not waited for") {
    const TemporaryFolder temporary;
    const StateFolder folder(temporary.path());
    put(temporary.path() / "elsewhere", "content");
    fs::create_symlink("elsewhere", temporary.path() / "link");
    CHECK_THROWS_WITH_AS((void)folder.read("link"), doctest::Contains("it is a symbolic link"),
                         pwh::Error);
    folder.replace("link", "new");
    CHECK(content_of(temporary.path() / "elsewhere") == "content");
    CHECK(folder.read("link") == "new");
    REQUIRE(::mkfifo((temporary.path() / "pipe").c_str(), 0600) == 0);
    CHECK_THROWS_AS((void)folder.read("pipe"), pwh::Error);
}

TEST_CASE("run by root, new files take the folder's owner" * doctest::skip(::geteuid() != 0)) {
    const TemporaryFolder temporary;
    REQUIRE(::chown(temporary.path().c_str(), 12345, 12346) == 0);
    const SecretStore store{StateFolder(temporary.path())};
    store.add_pending("s", "T", "secret", moved, then);
    for (const char* name : {"secrets.json", "secrets.lock"}) {
        struct stat info {};
        REQUIRE(::stat((temporary.path() / name).c_str(), &info) == 0);
        CHECK(info.st_uid == 12345);
        CHECK(info.st_gid == 12346);
        CHECK((info.st_mode & 07777U) == 0600);
    }
}

TEST_CASE("a lock keeps others out until its owner is gone") {
    const TemporaryFolder temporary;
    const StateFolder folder(temporary.path());
    int waited = 0;
    {
        const FileLock first(folder, "x.lock", [&] { ++waited; });
        CHECK(waited == 0);
        CHECK(mode_of(folder.file("x.lock")) == 0600);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            // Ends when it would have to wait.
            const FileLock second(folder, "x.lock", [] { ::_exit(7); });
            ::_exit(0);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WEXITSTATUS(status) == 7);
    }
    const FileLock third(folder, "x.lock", [&] { ++waited; });
    CHECK(waited == 0);
}

TEST_CASE("a lock that is held is waited for") {
    const TemporaryFolder temporary;
    const StateFolder folder(temporary.path());
    int ready[2];
    int enough[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(enough) == 0);
    char byte = 0;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const FileLock lock(folder, "x.lock", [] {});
        pwh::write_all(ready[1], "x");
        ::_exit(::read(enough[0], &byte, 1) == 1 ? 0 : 1);  // the kernel gives the lock up
    }
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    int waited = 0;
    const FileLock lock(folder, "x.lock", [&] {
        ++waited;
        pwh::write_all(enough[1], "x");
    });
    CHECK(waited == 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    for (const int end : {ready[0], ready[1], enough[0], enough[1]}) ::close(end);
}

TEST_CASE("a secret's life: pending, settled, forgotten") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path() / "pwh")};
    CHECK(store.all().empty());
    CHECK(store.version().empty());

    store.add_pending("eu.preservica.com", "T", "secret-1", moved, then);
    REQUIRE(store.all().size() == 1);
    CHECK(store.all()[0].pending());
    CHECK(store.all()[0].created_at == "2026-11-23T00:00:00.000Z");
    const auto pending_version = store.version();
    CHECK_FALSE(pending_version.empty());

    store.settle("eu.preservica.com", "T", "secret-1", {"id-1", moved.url, moved.trigger, true});
    CHECK(store.version() != pending_version);
    CHECK(content_of(store.folder().file("secrets.json")) == R"({
  "version": 1,
  "secrets": [
    {
      "server": "eu.preservica.com",
      "tenant": "T",
      "secret": "secret-1",
      "createdAt": "2026-11-23T00:00:00.000Z",
      "uses": [
        {
          "id": "id-1",
          "url": "https://h.example/p",
          "trigger": "MOVED",
          "temporary": true
        }
      ]
    }
  ]
}
)");
    CHECK_FALSE(store.all()[0].pending());
    CHECK(store.all()[0].uses[0].temporary);
    CHECK(store.find("id-1") == "secret-1");
    CHECK_FALSE(store.find("id-2"));

    store.forget("id-2");
    store.forget("");
    CHECK(store.all().size() == 1);
    store.forget("id-1");
    CHECK(store.all().empty());
    CHECK_FALSE(store.find("id-1"));
}

TEST_CASE("uses are told apart, and a secret stays while it has one") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path())};
    const SecretUse indexed{"", moved.url, "FULL_TEXT_INDEXED", false};
    store.add_pending("s", "T", "one", moved, then);
    store.add_pending("s", "T", "one", indexed, then);
    store.add_pending("s", "T", "two", moved, then);
    store.add_pending("s", "U", "one", moved, then);
    store.add_pending("s", "T", "one", moved, then);
    REQUIRE(store.all().size() == 3);
    CHECK(store.all()[0].uses.size() == 2);

    store.drop_pending("s", "T", "one", moved);
    store.drop_pending("s", "T", "none", moved);
    REQUIRE(store.all().size() == 3);
    CHECK(store.all()[0].uses[0].trigger == "FULL_TEXT_INDEXED");
    CHECK(store.all()[1].pending());

    store.settle("s", "T", "one", {"id-1", moved.url, "FULL_TEXT_INDEXED", false});
    store.drop_pending("s", "T", "one", indexed);
    CHECK(store.find("id-1") == "one");
    CHECK(store.all()[0].uses.size() == 1);
    store.drop_pending("s", "T", "two", moved);
    CHECK(store.all().size() == 2);
    CHECK_FALSE(store.find(""));
}

TEST_CASE("settling never loses a secret, and never doubles a use") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path())};
    for (int i = 0; i < 2; ++i) {
        store.settle("s", "T", "one", {"id-1", moved.url, moved.trigger, false});
        REQUIRE(store.all().size() == 1);
        CHECK(store.all()[0].uses.size() == 1);
    }
    CHECK(store.find("id-1") == "one");
}

TEST_CASE("an update without a change writes nothing") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path())};
    store.update([](auto&) {});
    CHECK_FALSE(fs::exists(store.folder().file("secrets.json")));
    store.add_pending("s", "T", "one", moved, then);
    const auto before = store.version();
    store.update([](auto&) {});
    store.add_pending("s", "T", "one", moved, then);
    CHECK(store.version() == before);
    CHECK_THROWS_AS(store.update([](auto&) { throw pwh::UsageError("stop"); }), pwh::UsageError);
    CHECK(store.version() == before);
}

TEST_CASE("a file that pwh did not write is named and left alone") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path())};
    const auto path = store.folder().file("secrets.json");
    for (
        const char* content :
        {"not JSON", "{", "[]", "null", "{}", R"({"version":1})", R"({"version":1,"secrets":{}})",
         R"({"secrets":[]})", R"({"version":"1","secrets":[]})", R"({"version":1,"secrets":[1]})",
         R"({"version":1,"secrets":[{"server":"s"}]})",
         R"({"version":1,"secrets":[{"server":"s","tenant":"T","secret":7,"createdAt":"","uses":[]}]})",
         R"({"version":1,"secrets":[{"server":"s","tenant":"T","secret":"x","createdAt":"","uses":{}}]})",
         R"({"version":1,"secrets":[{"server":"s","tenant":"T","secret":"x","createdAt":"","uses":[{"id":"","url":"","trigger":""}]}]})"}) {
        CAPTURE(content);
        put(path, content);
        CHECK_THROWS_WITH_AS((void)store.all(), doctest::Contains("is damaged"), pwh::Error);
        CHECK_THROWS_WITH_AS(store.add_pending("s", "T", "one", moved, then),
                             doctest::Contains(path.c_str()), pwh::Error);
        CHECK(content_of(path) == content);
    }
    const std::string newer = R"({"version":2,"things":[]})";
    put(path, newer);
    CHECK_THROWS_WITH_AS((void)store.all(), doctest::Contains("another version of pwh"),
                         pwh::Error);
    CHECK_THROWS_AS(store.forget("id-1"), pwh::Error);
    CHECK(content_of(path) == newer);
}

TEST_CASE("a secret that no JSON can hold is refused, and the store stays whole") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path())};
    store.add_pending("s", "T", "one", moved, then);
    CHECK_THROWS_AS(store.add_pending("s", "T", "\xff", moved, then), pwh::Error);
    CHECK(store.all().size() == 1);
}

TEST_CASE("many processes at once lose nothing") {
    const TemporaryFolder temporary;
    const SecretStore store{StateFolder(temporary.path() / "made" / "together")};
    constexpr int processes = 6;
    constexpr int rounds = 10;
    std::vector<pid_t> children;
    for (int process = 0; process < processes; ++process) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            int failed = 0;
            try {
                for (int round = 0; round < rounds; ++round) {
                    const auto name = std::to_string(process) + "-" + std::to_string(round);
                    store.add_pending("s", "T", "shared", {"", "u", name, false}, then);
                    store.settle("s", "T", "shared", {name, "u", name, false});
                    if (!store.find(name)) failed = 1;
                }
            } catch (const std::exception&) {
                failed = 2;
            }
            ::_exit(failed);
        }
        children.push_back(child);
    }
    for (const auto child : children) {
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    const auto secrets = store.all();
    REQUIRE(secrets.size() == 1);
    CHECK(secrets[0].uses.size() == processes * rounds);
    CHECK_FALSE(secrets[0].pending());
    CHECK(files_in(store.folder().path()) == 2);
}
