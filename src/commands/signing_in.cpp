// SPDX-License-Identifier: Apache-2.0
#include "commands/signing_in.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/interrupt.hpp"
#include "store/token_cache.hpp"

namespace pwh::commands {

namespace {

constexpr std::chrono::milliseconds notice_within{100};

std::string username_of(const settings::Settings& settings) {
    return settings.username ? settings.username->value : std::string();
}

bool by_shared_secret(const settings::Settings& settings) {
    return settings.authentication.value == "shared-secret";
}

/// Waits, but gives up like a request does when a signal was noted.
void wait(const Context& context, std::chrono::milliseconds time) {
    while (time.count() > 0) {
        if (interrupted()) {
            throw net::TransportError(net::TransportError::Kind::cancelled, false,
                                      "signing in was given up");
        }
        const auto slice = std::min(time, notice_within);
        context.sleep(slice);
        time -= slice;
    }
}

/// The token cache, as the session wants it.
class CachedTokens final : public preservica::TokenKeeper {
  public:
    CachedTokens(store::TokenCache cache, preservica::Server server, WallClock now)
        : cache_(std::move(cache)), server_(std::move(server)), now_(std::move(now)) {}

    std::optional<preservica::Tokens> find(const preservica::Credentials& credentials) override {
        auto kept = cache_.find(owner(credentials));
        if (!kept) return std::nullopt;
        return preservica::Tokens{kept->access, kept->refresh, kept->tenant,
                                  kept->issued, kept->expires, kept->second_factor};
    }

    void keep(const preservica::Credentials& credentials,
              const preservica::Tokens& tokens) override {
        // Where it saves nothing, it is not worth keeping.
        const auto refresh = tokens.second_factor ? tokens.refresh : std::string();
        cache_.keep(owner(credentials),
                    {tokens.access, refresh, tokens.tenant, tokens.issued, tokens.expires,
                     tokens.second_factor},
                    now_());
    }

    void drop(const preservica::Credentials& credentials, const std::string& access) override {
        cache_.drop(owner(credentials), access);
    }

    Turn take_turn(const preservica::Credentials& credentials) override {
        return cache_.take_turn(owner(credentials));
    }

  private:
    store::TokenOwner owner(const preservica::Credentials& credentials) const {
        return {server_.protocol,
                server_.key(),
                credentials.tenant.value_or(""),
                credentials.username,
                {credentials.shared_secret ? "shared-secret" : "password",
                 credentials.password.value_or(""), credentials.two_factor_seed.value_or("")}};
    }

    store::TokenCache cache_;
    preservica::Server server_;
    WallClock now_;
};

}  // namespace

preservica::Credentials credentials_of(const settings::Settings& settings) {
    preservica::Credentials credentials{username_of(settings)};
    if (settings.password) credentials.password = settings.password->value;
    if (settings.tenant) credentials.tenant = settings.tenant->value;
    if (settings.two_factor_seed) credentials.two_factor_seed = settings.two_factor_seed->value;
    credentials.shared_secret = by_shared_secret(settings);
    return credentials;
}

preservica::SignInSupport sign_in_support(const Context& context,
                                          const settings::Settings& settings) {
    const auto user = username_of(settings);
    const std::string what = by_shared_secret(settings) ? "shared secret" : "password";
    preservica::SignInSupport support;
    support.ask_password = [&context, user, what] {
        if (!context.may_ask()) {
            throw Error(ExitCode::unauthenticated, fmt::format("no {} is set for {}", what, user),
                        "set PRESERVICA_PASSWORD, or `password` in credentials.properties");
        }
        auto prompt = fmt::format("{} for {}: ", what, user);
        prompt.front() = what.front() == 's' ? 'S' : 'P';
        return context.ask(prompt, true);
    };
    support.ask_code = [&context, user]() -> std::optional<std::string> {
        if (!context.may_ask()) return std::nullopt;
        return context.ask(fmt::format("Code of the second factor for {}: ", user), false);
    };
    support.now = context.now;
    support.sleep = [&context](std::chrono::milliseconds time) { wait(context, time); };
    return support;
}

std::unique_ptr<preservica::TokenKeeper> token_keeper(const Context& context,
                                                      const settings::Settings& settings,
                                                      const preservica::Server& server) {
    if (!settings.token_cache) return nullptr;
    return std::make_unique<CachedTokens>(
        store::TokenCache(store::StateFolder(settings.state_dir.value), context.diagnostics),
        server, context.now);
}

}  // namespace pwh::commands
