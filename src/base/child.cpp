// SPDX-License-Identifier: Apache-2.0
#include "base/child.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "base/file.hpp"

namespace pwh {

namespace {

/// How a child starts: its signals, and its stdin.
class SpawnSettings {
  public:
    explicit SpawnSettings(int stdin_fd) {
        posix_spawnattr_init(&attributes_);
        posix_spawn_file_actions_init(&actions_);
        sigset_t none;
        sigset_t to_default;
        sigemptyset(&none);
        sigemptyset(&to_default);
        // Handlers end with exec; what pwh ignores for itself would not.
        sigaddset(&to_default, SIGPIPE);
        sigaddset(&to_default, SIGXFSZ);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &to_default);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (stdin_fd >= 0) {
            posix_spawn_file_actions_adddup2(&actions_, stdin_fd, STDIN_FILENO);
        }
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }

    /// Returns 0 or an errno value.
    int spawn(pid_t& pid, std::vector<std::string> arguments,
              std::vector<std::string> environment) const {
        const auto argv = pointers(arguments);
        const auto envp = pointers(environment);
        return posix_spawnp(&pid, argv.front(), &actions_, &attributes_, argv.data(), envp.data());
    }

  private:
    static std::vector<char*> pointers(std::vector<std::string>& texts) {
        std::vector<char*> list;
        list.reserve(texts.size() + 1);
        for (auto& text : texts) list.push_back(text.data());
        list.push_back(nullptr);
        return list;
    }

    posix_spawnattr_t attributes_{};
    posix_spawn_file_actions_t actions_{};
};

/// A script without `#!` is run by the shell, as execvp() does it.
std::vector<std::string> through_shell(const std::vector<std::string>& arguments) {
    std::vector<std::string> wrapped{"/bin/sh", "-c", "exec \"$@\"", "sh"};
    wrapped.insert(wrapped.end(), arguments.begin(), arguments.end());
    return wrapped;
}

pid_t start(const ChildCommand& command) {
    if (command.arguments.empty()) throw UsageError("there is no command to run");
    // With SIGCHLD ignored the system would forget how the child ended.
    struct sigaction on_child {};
    if (::sigaction(SIGCHLD, nullptr, &on_child) == 0 && on_child.sa_handler == SIG_IGN) {
        ::signal(SIGCHLD, SIG_DFL);
    }
    const SpawnSettings settings(command.stdin_fd);
    pid_t pid = -1;
    const auto& environment = command.environment.entries();
    int error = settings.spawn(pid, command.arguments, environment);
    if (error == ENOEXEC) {
        error = settings.spawn(pid, through_shell(command.arguments), environment);
    }
    if (error == 0) return pid;
    throw Error(error == ENOENT ? command_not_found : command_cannot_run,
                fmt::format("cannot run {}: {}", command.arguments.front(), errno_text(error)));
}

}  // namespace

ChildEnvironment::ChildEnvironment() {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        entries_.emplace_back(*entry);
    }
}

void ChildEnvironment::remove_all(std::string_view prefix) {
    std::erase_if(entries_,
                  [prefix](const std::string& entry) { return entry.starts_with(prefix); });
}

void ChildEnvironment::set(std::string_view name, std::string_view value) {
    remove_all(fmt::format("{}=", name));
    entries_.push_back(fmt::format("{}={}", name, value));
}

struct Child::State {
    pid_t pid = -1;
    std::mutex mutex;
    bool ended = false;  ///< its number may be another process's now
    int ended_by = 0;
};

Child::Child(const ChildCommand& command) : state_(std::make_unique<State>()) {
    state_->pid = start(command);
}

Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

int Child::wait() {
    const auto id = static_cast<id_t>(state_->pid);
    siginfo_t info{};
    while (::waitid(P_PID, id, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
    int status = 0;
    if (::waitpid(state_->pid, &status, 0) != state_->pid) {
        throw Error(ExitCode::failure, "cannot learn how the command ended: " + errno_text(errno));
    }
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
    state_->ended_by = WTERMSIG(status);
    return 128 + state_->ended_by;
}

int Child::ended_by() const {
    return state_->ended_by;
}

void Child::signal(int number) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->ended) ::kill(state_->pid, number);
}

}  // namespace pwh
