// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "store/state_folder.hpp"

namespace pwh::store {

/// Where a secret is used: a subscription that exists (`id` set), or one that Preservica is being
/// asked for, or was asked for by a run that was killed (`id` empty).
struct SecretUse {
    std::string id;
    std::string url;
    std::string trigger;
    /// Made by `listen --subscribe` without `--keep`: the next such run takes it over, and removes
    /// it.
    bool temporary = false;

    bool pending() const { return id.empty(); }
};

struct StoredSecret {
    std::string server;  ///< preservica::Server::key()
    std::string tenant;
    std::string secret;
    std::string created_at;  ///< RFC 3339
    std::vector<SecretUse> uses;

    bool pending() const;
};

/// The secrets of this machine's subscriptions, in `secrets.json` of the state folder, oldest
/// first. Every change is one locked read-modify-replace, so any number of pwh may work on it at
/// once. Throws Error(failure) when the file can't be read, written, or is not what pwh wrote (it
/// is then left alone).
class SecretStore {
  public:
    explicit SecretStore(StateFolder folder) : folder_(std::move(folder)) {}

    const StateFolder& folder() const { return folder_; }

    /// Changes whenever the file does; cheap (one stat). For noticing changes without reading.
    std::string version() const;

    std::vector<StoredSecret> all() const;
    /// The secret of a subscription, whatever its server.
    std::optional<std::string> find(const std::string& subscription_id) const;

    /// Reads, lets `change` work on the list, drops secrets without a use, and writes if anything
    /// changed.
    void update(const std::function<void(std::vector<StoredSecret>&)>& change) const;

    /// Notes that `secret` is being subscribed: on disk when this returns.
    void add_pending(const std::string& server, const std::string& tenant,
                     const std::string& secret, const SecretUse& use, WallTime now) const;
    /// Ties a pending use (same server, tenant, secret, URL and trigger) to the subscription's id.
    void settle(const std::string& server, const std::string& tenant, const std::string& secret,
                const SecretUse& use) const;
    /// Takes a pending use back: Preservica refused it.
    void drop_pending(const std::string& server, const std::string& tenant,
                      const std::string& secret, const SecretUse& use) const;
    /// Removes the uses with this id; a secret without any use goes with them.
    void forget(const std::string& subscription_id) const;

    /// Held for the whole of one `subscribe`, so that the receiver knows which secret is meant.
    template <typename Waiting>
    FileLock lock_subscribing(Waiting&& waiting) const {
        return FileLock(folder_, "subscribe.lock", std::forward<Waiting>(waiting));
    }

  private:
    StateFolder folder_;
};

}  // namespace pwh::store
