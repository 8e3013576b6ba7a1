// SPDX-License-Identifier: Apache-2.0
#include "sandbox/tokens.hpp"

#include <utility>

#include "sandbox/identifiers.hpp"

namespace pwh::sandbox {

TokenBook::TokenBook(WallClock now, std::chrono::milliseconds lifetime)
    : now_(std::move(now)), lifetime_(lifetime) {}

std::string TokenBook::issue(const Account& account) {
    const auto now = now_();
    forget_old(now);
    auto token = random_uuid();
    entries_[token] = {&account, now + lifetime_};
    in_order_.push_back(token);
    return token;
}

const Account* TokenBook::holder(const std::string& token) const {
    const auto found = entries_.find(token);
    if (found == entries_.end() || now_() >= found->second.expires) return nullptr;
    return found->second.account;
}

const Account* TokenBook::redeem(const std::string& token) {
    const auto* account = holder(token);
    entries_.erase(token);
    return account;
}

void TokenBook::forget_old(WallTime now) {
    while (!in_order_.empty()) {
        const auto oldest = entries_.find(in_order_.front());
        const bool used_up = oldest == entries_.end();
        if (!used_up && now < oldest->second.expires && in_order_.size() < capacity) return;
        if (!used_up) entries_.erase(oldest);
        in_order_.pop_front();
    }
}

}  // namespace pwh::sandbox
