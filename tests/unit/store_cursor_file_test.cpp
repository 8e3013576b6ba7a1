// SPDX-License-Identifier: Apache-2.0
#include "store/cursor_file.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>  // mkdtemp
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"

using pwh::store::CursorFile;
using pwh::store::EventPosition;

namespace {

const std::string store_id = "0123456789abcdef0123456789abcdef";
constexpr std::int64_t last_id = 100;

class Folder {
  public:
    Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    std::string file(const std::string& name = "cursor") const { return path_ + "/" + name; }
    std::size_t files() const {
        std::size_t count = 0;
        for (const auto& each : std::filesystem::directory_iterator(path_)) {
            count += each.is_symlink() ? 0U : 1U;
        }
        return count;
    }

  private:
    std::string path_ = "/tmp/pwh-unit-XXXXXX";
};

std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

mode_t mode_of(const std::string& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777U;
}

pwh::ExitCode opening(const std::string& path) {
    try {
        const CursorFile cursor(path, store_id, last_id);
    } catch (const pwh::Error& error) {
        return error.code();
    }
    return pwh::ExitCode::ok;
}

}  // namespace

TEST_CASE("a cursor file that is missing or empty starts with the oldest event") {
    const Folder folder;
    {
        const CursorFile cursor(folder.file(), store_id, 0);
        CHECK(cursor.position() == EventPosition{1, 0});
    }
    CHECK(content(folder.file()).empty());
    CHECK(mode_of(folder.file()) == 0600);
    const CursorFile again(folder.file(), store_id, 0);
    CHECK(again.position() == EventPosition{1, 0});
}

TEST_CASE("a position is kept for the next run, in one line") {
    const Folder folder;
    {
        CursorFile cursor(folder.file(), store_id, last_id);
        cursor.save({17, 0});
        cursor.save({18, 3});
        CHECK(cursor.position() == EventPosition{18, 3});
    }
    CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 18 3\n");
    CHECK(mode_of(folder.file()) == 0600);
    CHECK(folder.files() == 1);
    CursorFile cursor(folder.file(), store_id, last_id);
    CHECK(cursor.position() == EventPosition{18, 3});
    cursor.save({2, 0});
    CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 2 0\n");
}

TEST_CASE("the first position is written, also where it is the first there is") {
    const Folder folder;
    CursorFile(folder.file(), store_id, 0).save({1, 0});
    CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 1 0\n");
}

TEST_CASE("a cursor file keeps its mode, and a symbolic link to it stays one") {
    const Folder folder;
    write(folder.file(), "");
    REQUIRE(::chmod(folder.file().c_str(), 0640) == 0);
    std::filesystem::create_symlink("cursor", folder.file("link"));
    CursorFile(folder.file("link"), store_id, last_id).save({5, 0});
    CHECK(std::filesystem::is_symlink(folder.file("link")));
    CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 5 0\n");
    CHECK(mode_of(folder.file()) == 0640);
    CHECK(folder.files() == 1);
}

TEST_CASE("a cursor file is one reader's, before and after it is replaced") {
    const Folder folder;
    {
        CursorFile cursor(folder.file(), store_id, last_id);
        CHECK(opening(folder.file()) == pwh::ExitCode::failure);
        cursor.save({5, 0});
        CHECK(opening(folder.file()) == pwh::ExitCode::failure);
        cursor.save({6, 0});
        CHECK(opening(folder.file()) == pwh::ExitCode::failure);
        CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 6 0\n");
    }
    CHECK(opening(folder.file()) == pwh::ExitCode::ok);
}

TEST_CASE("a cursor may be at the end of the store, not past it") {
    const Folder folder;
    const auto cursor = "pwh-cursor 1 " + store_id + " ";
    write(folder.file(), cursor + "101 0\n");
    CHECK(opening(folder.file()) == pwh::ExitCode::ok);
    for (const std::string past : {"101 1\n", "102 0\n", "9223372036854775807 0\n"}) {
        CAPTURE(past);
        write(folder.file(), cursor + past);
        CHECK(opening(folder.file()) == pwh::ExitCode::usage);
        CHECK(content(folder.file()) == cursor + past);
    }
}

TEST_CASE("what is no cursor of the store is refused and left as it is") {
    const Folder folder;
    const std::vector<std::string> wrong{
        "\n",
        "hello\n",
        "pwh-cursor",
        "pwh-cursor 1",
        "pwh-cursor 1 " + store_id + " 5 0",
        "pwh-cursor 1 " + store_id + " 5\n",
        "pwh-cursor 1 " + store_id + " 5 0 \n",
        "pwh-cursor 1 " + store_id + " 5 0\n\n",
        "pwh-cursor 1 " + store_id + "  5 0\n",
        "pwh-cursor 1 " + store_id + " 0 0\n",
        "pwh-cursor 1 " + store_id + " -5 0\n",
        "pwh-cursor 1 " + store_id + " 5 -1\n",
        "pwh-cursor 1 " + store_id + " +5 0\n",
        "pwh-cursor 1 " + store_id + " 5x 0\n",
        "pwh-cursor 1 " + store_id + " 9223372036854775808 0\n",
        "pwh-cursor 1 " + store_id.substr(1) + " 5 0\n",
        "pwh-cursor 1 ABCDEF6789abcdef0123456789abcdef 5 0\n",
        "pwh-cursor 1 fedcba98765432100123456789abcdef 5 0\n",
        "pwh-cursor 2 " + store_id + " 5 0\n",
        " pwh-cursor 1 " + store_id + " 5 0\n",
        "pwh-cursor 1 " + store_id + " " + std::string(200, '0') + "5 0\n",
        std::string(100'000, 'x')};
    for (const auto& text : wrong) {
        CAPTURE(text);
        write(folder.file(), text);
        CHECK(opening(folder.file()) == pwh::ExitCode::usage);
        CHECK(content(folder.file()) == text);
    }
}

TEST_CASE("what can't be a cursor file is refused") {
    const Folder folder;
    CHECK(opening(folder.file("missing/cursor")) == pwh::ExitCode::usage);
    CHECK(opening(folder.file("")) == pwh::ExitCode::usage);
    CHECK(opening("/dev/null") == pwh::ExitCode::usage);
    REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
    CHECK(opening(folder.file("fifo")) == pwh::ExitCode::usage);
}

TEST_CASE("what a killed run left behind is no obstacle") {
    const Folder folder;
    write(folder.file(".cursor.pwh-new"), "half a l");
    CursorFile(folder.file(), store_id, last_id).save({5, 0});
    CHECK(content(folder.file()) == "pwh-cursor 1 " + store_id + " 5 0\n");
    CHECK(folder.files() == 1);
}
