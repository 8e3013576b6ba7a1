// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "commands/command.hpp"
#include "preservica/message.hpp"

namespace pwh::commands {

struct SendOptions {
    std::string url;
    std::string trigger;
    std::vector<std::string> entities;
    std::string type = "IO";
    std::vector<std::string> identifiers;  ///< `K=V`
    std::string data;                      ///< a file, `-` for stdin
    std::string secret_file;
    std::uint32_t count = 1;
    double rate = 0;  ///< messages a second; 0: as fast as the endpoint takes them

    /// Whether the content of the message is described, and not given by --data.
    bool describes_message() const {
        return !entities.empty() || type != "IO" || !identifiers.empty();
    }
};

void setup_send(CLI::App& app, SendOptions& options);
int run_send(Context& context, const SendOptions& options);

/// Makes the bodies of `send`: each message another, with a time of its own.
class MessageMaker {
  public:
    /// Throws UsageError for options that can't be sent: no trigger, `K=V` without a K or `=`.
    MessageMaker(const SendOptions& options, std::string tenant, const Diagnostics& diagnostics);

    std::string next(WallTime now);

  private:
    std::vector<std::string> entities_;  ///< empty: a random one
    preservica::MessageEvent event_;
    preservica::MessageContent content_;
};

}  // namespace pwh::commands
