// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/environment.hpp"

namespace pwh {

/// What kind of place the three streams are, found once at start.
struct Terminal {
    bool stdin_is_tty = false;
    bool stdout_is_tty = false;
    bool stderr_is_tty = false;
    /// Columns of the terminal behind stdout; 0 when there is none.
    unsigned columns = 0;
    /// Whether the locale (LC_ALL, else LC_CTYPE, else LANG) is one of UTF-8.
    bool utf8 = true;
};

Terminal detect_terminal(const Environment& environment);

/// Whether a key such as Ctrl-C reaches this process group, and so a child, from the terminal.
bool is_in_foreground();

/// Asks on stderr and reads one line from stdin, without echo when `secret`. The terminal's state
/// is restored also when a signal ends the program. Throws Error(failure) at end of input.
std::string ask(const std::string& prompt, bool secret);

}  // namespace pwh
