// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/client.hpp"
#include "commands/output_format.hpp"

namespace pwh::commands {

/// What `subscribe` and `listen --subscribe` ask for.
struct Wanted {
    std::string url;
    std::vector<std::string> triggers;  ///< API names
    std::optional<std::string> secret;  ///< nothing: one of an earlier, killed run, else a new one
    bool ensure = false;
    bool include_identifiers = true;
    /// Made for one run of `listen`: the next such run takes over what a killed one left behind.
    bool temporary = false;
    bool dry_run = false;
    /// A signal while Preservica is asked is noted until it is known, or given up, what became of
    /// it; then Interrupted is thrown. For commands without an event loop.
    bool interruptible = false;
};

/// What became of one trigger.
struct Subscribed {
    ShownSubscription shown;
    /// To be removed when the run that asked ends: made by it, or left behind by one like it.
    bool temporary = false;
};

/// Subscribes the URL to each trigger, one run at a time per state folder. Each secret is on disk
/// before Preservica is asked; what an earlier, killed run left is recognised; an answer that never
/// came is settled by listing. What was done goes to `done` as it is done, so that it is known also
/// when a later trigger fails. Throws Error.
void subscribe_all(Client& client, const store::SecretStore& secrets, const Wanted& wanted,
                   const WallClock& clock, const Diagnostics& diagnostics,
                   std::vector<Subscribed>& done);

/// Throws UsageError where `url` is no http(s) URL with a host, or has a user or a fragment.
void require_webhook_url(const std::string& url);

/// Sets `secret_stored` of each.
std::vector<ShownSubscription> with_stored_secrets(
    std::vector<preservica::Subscription> subscriptions, const store::SecretStore& secrets);

}  // namespace pwh::commands
