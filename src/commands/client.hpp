// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "commands/context.hpp"
#include "preservica/session.hpp"
#include "preservica/subscriptions.hpp"
#include "settings/settings.hpp"
#include "store/secret_store.hpp"

namespace pwh::commands {

/// Every setting of this run. Throws UsageError.
settings::Settings resolve_settings(const Context& context);

/// The secret store of the settings' state folder.
store::SecretStore open_secret_store(const settings::Settings& settings);

/// The server as preservica::Server::key() has it; nothing where none is set.
std::optional<std::string> server_key(const settings::Settings& settings);

/// The REST client that the settings describe. Asks nothing of the server before it is used.
/// Throws UsageError where no server is set.
class Client {
  public:
    Client(const Context& context, const settings::Settings& settings);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    preservica::Session& session() { return session_; }
    preservica::Subscriptions& subscriptions() { return subscriptions_; }

  private:
    std::unique_ptr<net::HttpClient> http_;
    std::unique_ptr<preservica::TokenKeeper> tokens_;
    preservica::Session session_;
    preservica::Subscriptions subscriptions_;
};

/// The secret that a setting or `secret_file` (`-` is stdin) gives; only trailing CR and LF are
/// stripped from a file. Warns of a file that others can read. Throws UsageError for one that can't
/// be read, or is empty.
std::optional<std::string> configured_secret(const settings::Settings& settings,
                                             const std::string& secret_file,
                                             const Diagnostics& diagnostics);
std::string read_secret_file(const std::string& path, const Diagnostics& diagnostics);

}  // namespace pwh::commands
