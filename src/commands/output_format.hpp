// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/terminal.hpp"
#include "preservica/subscriptions.hpp"

namespace CLI {
class App;
}

namespace pwh::commands {

struct OutputFormat {
    std::string name;  ///< table, json, tsv; empty: a table on a terminal, else tsv
    bool json = false;
};

/// Adds `-o` and `--json`.
void add_output_options(CLI::App& app, OutputFormat& format);

/// A subscription with what pwh knows of it.
struct ShownSubscription {
    preservica::Subscription subscription;
    bool secret_stored = false;
    std::optional<bool> created;  ///< shown where it is set
};

std::string render_subscriptions(const std::vector<ShownSubscription>& shown,
                                 const OutputFormat& format, const Terminal& terminal);

}  // namespace pwh::commands
