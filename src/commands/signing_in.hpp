// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "commands/context.hpp"
#include "preservica/authenticator.hpp"
#include "settings/settings.hpp"

namespace pwh::commands {

/// Who signs in, as the settings say.
preservica::Credentials credentials_of(const settings::Settings& settings);

/// Asks on the terminal, and waits so that a signal is noticed. `context` has to outlive it.
preservica::SignInSupport sign_in_support(const Context& context,
                                          const settings::Settings& settings);

/// Tokens in the state folder; null where no cache is wanted.
std::unique_ptr<preservica::TokenKeeper> token_keeper(const Context& context,
                                                      const settings::Settings& settings,
                                                      const preservica::Server& server);

}  // namespace pwh::commands
