// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "app/app.hpp"

namespace {

/// A stream that is closed would have its number taken by the next file or socket that is opened,
/// and text for a person would go there. What stands in for it can't be used either way.
void hold_standard_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) ::_exit(1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_streams();
    // A write that fails says so.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    pwh::FdOutput out(STDOUT_FILENO);
    const auto environment = pwh::process_environment();
    const pwh::app::World world{environment, pwh::detect_terminal(environment), out, STDERR_FILENO};
    return pwh::app::run({argv + 1, argv + argc}, world);
}
