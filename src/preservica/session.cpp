// SPDX-License-Identifier: Apache-2.0
#include "preservica/session.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "preservica/failure.hpp"

namespace pwh::preservica {

namespace {

constexpr auto token_header = "Preservica-Access-Token";

}  // namespace

Session::Session(net::HttpClient& http, Server server, Credentials credentials,
                 SignInSupport support, TokenKeeper* keeper, const Diagnostics& diagnostics)
    : http_(http),
      authenticator_(http, std::move(server), std::move(credentials), std::move(support),
                     diagnostics),
      keeper_(keeper),
      diagnostics_(diagnostics),
      tenant_(authenticator_.credentials().tenant.value_or("")) {}

const std::string& Session::tenant() {
    if (tenant_.empty() && tokens_.access.empty()) start();
    if (tenant_.empty()) {
        throw Error(ExitCode::unavailable,
                    fmt::format("{} does not say which tenant {} belongs to", server().address,
                                authenticator_.credentials().username),
                    "set it: --tenant, PRESERVICA_TENANT, or tenant in the credentials file");
    }
    return tenant_;
}

const std::string& Session::known_tenant() const {
    return tenant_;
}

net::ClientResponse Session::call(net::ClientRequest request, const std::string& path) {
    request.url = server().base_url() + path;
    if (tokens_.access.empty()) start();
    request.headers.emplace_back(token_header, tokens_.access);
    auto response = http_.perform(request);
    for (const auto how : {Renewal::cheapest, Renewal::sign_in}) {
        if (response.status != 401) return response;
        const bool fresh = renew(how);
        request.headers.back().second = tokens_.access;
        response = http_.perform(request);
        if (fresh) break;
    }
    if (response.status != 401) return response;
    forget();
    throw Error(
        ExitCode::unauthenticated,
        with_server_message(fmt::format("{} does not accept the access token that it has just "
                                        "given to {}",
                                        server().address, authenticator_.credentials().username),
                            response),
        credentials_hint);
}

/// Gets the first tokens of this session.
void Session::start() {
    authenticator_.complete_credentials();
    if (keeper_ == nullptr) return sign_in();
    const auto good = [this](const std::optional<Tokens>& kept) {
        const auto now = authenticator_.now();
        return kept && kept->usable(now) && !kept->due_for_refresh(now);
    };
    auto kept = keeper_->find(authenticator_.credentials());
    if (!good(kept)) {
        const auto turn = take_turn();
        kept = keeper_->find(authenticator_.credentials());
        if (!good(kept)) return replace_kept(std::move(kept).value_or(Tokens{}));
    }
    diagnostics_.detail("using the access token of an earlier sign-in");
    adopt(*std::move(kept));
}

/// Refreshes tokens that are about to expire, or signs in.
void Session::replace_kept(Tokens kept) {
    const bool due = kept.due_for_refresh(authenticator_.now());
    if (due && adopt_refreshed(kept)) return;
    if (!kept.usable(authenticator_.now())) return sign_in();
    kept.refresh.clear();  // it was used
    keeper_->keep(authenticator_.credentials(), kept);
    adopt(std::move(kept));
}

/// Gets other tokens than those that were refused; true when it took a sign-in.
bool Session::renew(Renewal how) {
    diagnostics_.detail("the access token is no longer accepted");
    const auto turn = take_turn();
    if (how == Renewal::cheapest) {
        auto kept = keeper_ == nullptr ? std::nullopt : keeper_->find(authenticator_.credentials());
        if (kept && kept->access != tokens_.access && kept->usable(authenticator_.now())) {
            adopt(*std::move(kept));  // of another pwh that came first
            return false;
        }
    }
    const auto old = tokens_;
    forget();
    if (how == Renewal::cheapest && old.second_factor && adopt_refreshed(old)) return false;
    sign_in();
    return true;
}

void Session::sign_in() {
    auto tokens = authenticator_.sign_in();
    if (keeper_ != nullptr) keeper_->keep(authenticator_.credentials(), tokens);
    adopt(std::move(tokens));
}

bool Session::adopt_refreshed(const Tokens& old) {
    auto tokens = authenticator_.refresh(old);
    if (!tokens) return false;
    if (keeper_ != nullptr) keeper_->keep(authenticator_.credentials(), *tokens);
    adopt(*std::move(tokens));
    return true;
}

void Session::adopt(Tokens tokens) {
    tokens_ = std::move(tokens);
    if (tenant_.empty()) tenant_ = tokens_.tenant;
}

/// Tokens that were refused serve nobody any more.
void Session::forget() {
    if (keeper_ != nullptr) keeper_->drop(authenticator_.credentials(), tokens_.access);
    tokens_ = {};
}

TokenKeeper::Turn Session::take_turn() {
    return keeper_ == nullptr ? nullptr : keeper_->take_turn(authenticator_.credentials());
}

}  // namespace pwh::preservica
