// SPDX-License-Identifier: Apache-2.0
#include "base/child.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/file.hpp"

using namespace pwh;

namespace {

ChildCommand shell(const std::string& script) {
    return {{"/bin/sh", "-c", script}, {}, -1};
}

int exit_code_of(const ChildCommand& command) {
    return Child(command).wait();
}

ExitCode failure_of(const ChildCommand& command) {
    try {
        Child child(command);
        child.wait();
    } catch (const Error& error) {
        return error.code();
    }
    return ExitCode::ok;
}

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        out.reset(ends[0]);
        in.reset(ends[1]);
    }
    UniqueFd out;
    UniqueFd in;
};

}  // namespace

TEST_CASE("a child's exit code, or 128 and its signal, comes back") {
    CHECK(exit_code_of(shell("exit 0")) == 0);
    CHECK(exit_code_of(shell("exit 7")) == 7);
    CHECK(exit_code_of(shell("kill -TERM $$")) == 128 + SIGTERM);
}

TEST_CASE("a command that can't start fails as with env") {
    CHECK(failure_of({{"pwh-no-such-command"}, {}, -1}) == command_not_found);
    CHECK(failure_of({{"/etc/pwh-no-such-command"}, {}, -1}) == command_not_found);
    CHECK(failure_of({{"/etc"}, {}, -1}) == command_cannot_run);
    CHECK(failure_of({{"/etc/passwd"}, {}, -1}) == command_cannot_run);
    CHECK(failure_of({{}, {}, -1}) == ExitCode::usage);
}

TEST_CASE("a script without #! is run by the shell") {
    const auto path =
        std::filesystem::temp_directory_path() / ("pwh-child-" + std::to_string(::getpid()));
    {
        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
        REQUIRE(write_all(file.get(), "test \"$1\" = 'a b' && exit 9\n") == 0);
    }
    CHECK(exit_code_of({{path.string(), "a b"}, {}, -1}) == 9);
    std::filesystem::remove(path);
}

TEST_CASE("a child's environment is this one, changed") {
    ::setenv("PWH_TEST_OLD", "1", 1);
    ::setenv("PWH_TEST_KEPT", "1", 1);
    ChildEnvironment environment;
    environment.remove_all("PWH_TEST_O");
    environment.set("PWH_TEST_NEW", "a=b c");
    environment.set("PWH_TEST_NEW", "d=e f");
    const auto& entries = environment.entries();
    const auto count = [&entries](const char* entry) {
        return std::count(entries.begin(), entries.end(), entry);
    };
    CHECK(count("PWH_TEST_OLD=1") == 0);
    CHECK(count("PWH_TEST_KEPT=1") == 1);
    CHECK(count("PWH_TEST_NEW=a=b c") == 0);
    CHECK(count("PWH_TEST_NEW=d=e f") == 1);
    const ChildCommand command{
        {"sh", "-c", "test \"$PWH_TEST_NEW$PWH_TEST_OLD$PWH_TEST_KEPT\" = 'd=e f1'"},
        environment,
        -1};
    CHECK(exit_code_of(command) == 0);
    ::unsetenv("PWH_TEST_OLD");
    ::unsetenv("PWH_TEST_KEPT");
}

TEST_CASE("a child reads what is written into its stdin, until that is closed") {
    Pipe pipe;
    auto command = shell("test \"$(cat)\" = hello");
    command.stdin_fd = pipe.out.get();
    Child child(command);
    pipe.out.reset();
    CHECK(write_all(pipe.in.get(), "hello") == 0);
    pipe.in.reset();
    CHECK(child.wait() == 0);
}

TEST_CASE("a child does not inherit what pwh ignores or blocks for itself") {
    const auto old = ::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
    CHECK(exit_code_of(shell("kill -PIPE $$; exit 0")) == 128 + SIGPIPE);
    CHECK(exit_code_of(shell("kill -TERM $$; exit 0")) == 128 + SIGTERM);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGPIPE, old);
}

TEST_CASE("a signal reaches a child while another thread waits for it, and nobody afterwards") {
    Child child(shell("exec sleep 60"));
    int code = 0;
    std::thread waiter([&child, &code] { code = child.wait(); });
    child.signal(SIGTERM);
    waiter.join();
    CHECK(code == 128 + SIGTERM);
    child.signal(SIGKILL);
}
