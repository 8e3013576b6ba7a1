// SPDX-License-Identifier: Apache-2.0
#include "base/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"

namespace pwh {

namespace {

/// Turns echo off for its lifetime. Signals that would end the program wait meanwhile, so that a
/// Ctrl-C at the prompt can't leave the user's terminal without echo; read(2) still returns for
/// them.
class EchoOff {
  public:
    EchoOff() {
        if (::tcgetattr(STDIN_FILENO, &saved_) != 0) return;
        struct termios quiet = saved_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
        active_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;
    ~EchoOff() {
        if (active_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_);
    }

  private:
    struct termios saved_ {};
    bool active_ = false;
};

constexpr char interrupt_key = '\x03';
constexpr char end_key = '\x04';

std::string read_line(bool& interrupted, bool& ended) {
    std::string line;
    for (;;) {
        char c = 0;
        const auto n = ::read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR && !pwh::interrupted()) continue;
        if (n < 0 && errno == EINTR) {
            interrupted = true;
            return {};
        }
        if (n <= 0 || (c == end_key && line.empty())) {
            ended = line.empty();
            return line;
        }
        if (c == interrupt_key) {
            interrupted = true;
            return {};
        }
        if (c == '\n') return line;
        if (c != '\r') line += c;
    }
}

/// As setlocale(3) picks it, but by its name alone: it need not be installed.
bool locale_is_utf8(const Environment& environment) {
    std::string charset;
    for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const auto locale = environment(name);
        if (!locale) continue;
        for (const char c : *locale) {
            if (c != '-') charset += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        break;
    }
    return charset.find("utf8") != std::string::npos;
}

}  // namespace

Terminal detect_terminal(const Environment& environment) {
    Terminal terminal;
    terminal.utf8 = locale_is_utf8(environment);
    terminal.stdin_is_tty = ::isatty(STDIN_FILENO) == 1;
    terminal.stdout_is_tty = ::isatty(STDOUT_FILENO) == 1;
    terminal.stderr_is_tty = ::isatty(STDERR_FILENO) == 1;
    struct winsize size {};
    if (terminal.stdout_is_tty && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        terminal.columns = size.ws_col;
    }
    return terminal;
}

bool is_in_foreground() {
    const UniqueFd terminal(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
    return terminal && ::tcgetpgrp(terminal.get()) == ::getpgrp();
}

std::string ask(const std::string& prompt, bool secret) {
    bool interrupted = false;
    bool ended = false;
    std::string answer;
    {
        // The prompt comes after: what is typed at it is neither shown nor dropped.
        std::optional<EchoOff> guard;
        if (secret) guard.emplace();
        write_all(STDERR_FILENO, prompt);
        answer = read_line(interrupted, ended);
    }
    if (secret || ended) write_all(STDERR_FILENO, "\n");
    if (interrupted) {
        std::raise(SIGINT);
        throw Error(ExitCode::failure, "interrupted");
    }
    if (ended) throw Error(ExitCode::failure, "no answer was given");
    return answer;
}

}  // namespace pwh
