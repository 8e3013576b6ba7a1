// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "preservica/session.hpp"

namespace pwh::preservica {

/// Who has signed in, and to what. Throws what Session::call throws, and what explain_failure()
/// finds for an answer that is no success.
class Account {
  public:
    explicit Account(Session& session) : session_(session) {}

    /// The user's roles, in the server's order.
    std::vector<std::string> roles();
    /// Preservica's version; nothing where the server does not tell this user.
    std::optional<std::string> version();

  private:
    Session& session_;
};

/// True when one of the roles allows webhook administration.
bool allow_webhook_administration(const std::vector<std::string>& roles);

/// The text of the first `CurrentVersion` element; nothing where there is none that reads like a
/// version.
std::optional<std::string> current_version(std::string_view xml);

}  // namespace pwh::preservica
