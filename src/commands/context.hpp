// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "base/environment.hpp"
#include "base/output.hpp"
#include "base/terminal.hpp"
#include "net/http_client.hpp"
#include "settings/settings.hpp"

namespace pwh::commands {

/// Everything a command needs of the world, so that tests can put another world in its place.
struct Context {
    Environment environment;
    Terminal terminal;
    const Diagnostics& diagnostics;
    Output& out;
    WallClock now;
    Sleep sleep;
    settings::Flags flags;
    /// What stood behind `--`, for the commands that run another.
    std::vector<std::string> trailing;
    std::function<std::unique_ptr<net::HttpClient>(net::ClientOptions)> make_http;

    /// Asks on the terminal; never called where no question may be asked.
    std::function<std::string(const std::string& prompt, bool secret)> ask;

    /// True when a question may be asked: stdin is a terminal, and no --no-input.
    bool may_ask() const { return terminal.stdin_is_tty && !flags.no_input; }
};

}  // namespace pwh::commands
