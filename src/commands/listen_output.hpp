// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "commands/listen.hpp"
#include "crypto/crypto.hpp"
#include "receiver/follower.hpp"
#include "receiver/lines.hpp"
#include "receiver/receiver.hpp"
#include "receiver/sink.hpp"
#include "settings/settings.hpp"
#include "store/event_store.hpp"

namespace pwh::commands {

/// Where accepted events go: to stdout, or into an event store with stdout behind it.
class ListenOutput {
  public:
    /// Throws Error when the store can't be used, UsageError for --retain without one.
    ListenOutput(const ListenOptions& options, const settings::Settings& settings,
                 const Diagnostics& diagnostics, WallClock clock);

    receiver::Sink& sink() { return *sink_; }
    /// Has the receiver know what was stored by earlier runs. Before it runs.
    void remember(receiver::Receiver& receiver);
    /// True when all that is stored is printed too.
    bool finished() { return !follower_ || follower_->finished(); }
    /// Ends the printing, and says how much was left. Once the receiver is stopped.
    void finish();

  private:
    std::optional<store::EventStore> store_;
    std::vector<crypto::Digest> remembered_;  ///< what earlier runs stored last
    std::optional<receiver::Follower> follower_;
    std::unique_ptr<receiver::Sink> sink_;
};

receiver::LineFormat line_format(const ListenOptions& options);

}  // namespace pwh::commands
