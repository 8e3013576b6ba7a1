// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.hpp"
#include "crypto/crypto.hpp"
#include "preservica/signature.hpp"

namespace pwh::receiver {

/// The secrets that a source holds now. The first answers handshakes; an event is accepted under
/// any.
using Secrets = std::vector<std::string>;

/// Where secrets come from: files, a setting, the secret store.
class SecretSource {
  public:
    SecretSource() = default;
    SecretSource(const SecretSource&) = delete;
    SecretSource& operator=(const SecretSource&) = delete;
    virtual ~SecretSource() = default;

    /// Changes when the secrets may have; cheap.
    virtual std::string version() const = 0;
    /// Throws Error when they can't be read.
    virtual Secrets load() const = 0;
};

/// The secrets in use, keyed and ready. Belongs to one thread.
class Keyring {
  public:
    /// Loads at once; throws Error when the secrets can't be read.
    Keyring(std::unique_ptr<SecretSource> source, const Diagnostics& diagnostics);

    bool empty() const { return signers_.empty(); }

    /// True when the signature is right under any secret. Where it is under none, looks first
    /// whether the source has changed since.
    bool verify(std::string_view body, const crypto::Digest& signature);
    /// The answer to a signable challenge, after a look at the source; nothing when there is no
    /// secret.
    std::optional<std::string> answer(std::string_view code);

    /// Loads again if the source has changed, or in any case with `always`. A source that can't be
    /// read keeps the secrets as they are, with a warning.
    void refresh(bool always = false);

  private:
    bool verify_now(std::string_view body, const crypto::Digest& signature);
    void adopt(const Secrets& secrets);

    std::unique_ptr<SecretSource> source_;
    const Diagnostics& diagnostics_;
    std::vector<preservica::Signer> signers_;
    std::string version_;
};

}  // namespace pwh::receiver
