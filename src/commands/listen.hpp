// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "commands/command.hpp"

namespace pwh::commands {

struct ListenOptions {
    std::string listen = "127.0.0.1:8080";
    std::string path;
    std::vector<std::string> secret_files;
    std::vector<std::string> subscribe;
    std::string url;
    bool keep = false;
    std::vector<std::string> triggers;
    std::string format = "event";
    std::string store;   ///< empty: the setting
    std::string retain;  ///< an age; empty: for ever
    std::uint64_t max_events = 0;
    double timeout = 0;  ///< seconds; 0: none
    std::uint64_t max_body = 1U << 20U;
    std::uint64_t max_connections = 1000;
    std::string tls_cert;
    std::string tls_key;
    bool no_dedupe = false;
    bool no_handshake = false;
};

void setup_listen(CLI::App& app, ListenOptions& options);
int run_listen(Context& context, const ListenOptions& options);

}  // namespace pwh::commands
