// SPDX-License-Identifier: Apache-2.0
#include "receiver/keyring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace pwh::receiver {

Keyring::Keyring(std::unique_ptr<SecretSource> source, const Diagnostics& diagnostics)
    : source_(std::move(source)), diagnostics_(diagnostics), version_(source_->version()) {
    adopt(source_->load());
}

void Keyring::adopt(const Secrets& secrets) {
    signers_.clear();
    for (const auto& secret : secrets) signers_.emplace_back(secret);
    const auto weak = std::find_if(secrets.begin(), secrets.end(), [](const std::string& secret) {
        return preservica::secret_weakness(secret).has_value();
    });
    if (weak != secrets.end()) {
        diagnostics_.warning(preservica::secret_weakness(*weak).value_or(""),
                             "subscribe anew with one that pwh generates");
    }
}

void Keyring::refresh(bool always) {
    auto version = source_->version();
    if (!always && version == version_) return;
    version_ = std::move(version);
    try {
        adopt(source_->load());
        diagnostics_.detail(fmt::format("read the secrets again: {} in use", signers_.size()));
    } catch (const Error& error) {
        diagnostics_.warning(fmt::format("the secrets stay as they were: {}", error.what()),
                             error.hint());
    }
}

bool Keyring::verify_now(std::string_view body, const crypto::Digest& signature) {
    return std::any_of(signers_.begin(), signers_.end(), [&](preservica::Signer& signer) {
        return signer.verify_event(body, signature);
    });
}

bool Keyring::verify(std::string_view body, const crypto::Digest& signature) {
    if (verify_now(body, signature)) return true;
    const auto before = version_;
    refresh();
    return version_ != before && verify_now(body, signature);
}

std::optional<std::string> Keyring::answer(std::string_view code) {
    refresh();
    if (signers_.empty()) return std::nullopt;
    return signers_.front().answer_challenge(code);
}

}  // namespace pwh::receiver
