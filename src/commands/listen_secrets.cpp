// SPDX-License-Identifier: Apache-2.0
#include "commands/listen_secrets.hpp"

#include <algorithm>

#include "commands/client.hpp"

namespace pwh::commands {

namespace {

/// Files, each with one secret. They are read again when asked to (SIGHUP), not watched.
class FileSecrets final : public receiver::SecretSource {
  public:
    FileSecrets(std::vector<std::string> paths, const Diagnostics& diagnostics)
        : paths_(std::move(paths)), diagnostics_(diagnostics) {}

    std::string version() const override { return {}; }
    receiver::Secrets load() const override {
        receiver::Secrets secrets;
        for (const auto& path : paths_) secrets.push_back(read_secret_file(path, diagnostics_));
        return secrets;
    }

  private:
    std::vector<std::string> paths_;
    const Diagnostics& diagnostics_;
};

class SetSecret final : public receiver::SecretSource {
  public:
    explicit SetSecret(std::string secret) : secret_(std::move(secret)) {}

    std::string version() const override { return {}; }
    receiver::Secrets load() const override { return {secret_}; }

  private:
    std::string secret_;
};

class StoredSecrets final : public receiver::SecretSource {
  public:
    StoredSecrets(store::SecretStore store, std::string server, std::string tenant)
        : store_(std::move(store)), server_(std::move(server)), tenant_(std::move(tenant)) {}

    std::string version() const override { return store_.version(); }

    /// What is being subscribed comes first: handshakes are about it. Then the newest.
    receiver::Secrets load() const override {
        auto all = store_.all();
        std::erase_if(all, [this](const store::StoredSecret& each) {
            return (!server_.empty() && each.server != server_) ||
                   (!tenant_.empty() && each.tenant != tenant_);
        });
        std::reverse(all.begin(), all.end());
        std::stable_partition(all.begin(), all.end(),
                              [](const store::StoredSecret& each) { return each.pending(); });
        receiver::Secrets secrets;
        for (auto& each : all) secrets.push_back(std::move(each.secret));
        return secrets;
    }

  private:
    store::SecretStore store_;
    std::string server_;
    std::string tenant_;
};

}  // namespace

std::unique_ptr<receiver::SecretSource> listen_secrets(const settings::Settings& settings,
                                                       const std::vector<std::string>& secret_files,
                                                       const Diagnostics& diagnostics) {
    if (!secret_files.empty()) return std::make_unique<FileSecrets>(secret_files, diagnostics);
    if (settings.secret_file) {
        return std::make_unique<FileSecrets>(std::vector{settings.secret_file->value}, diagnostics);
    }
    if (settings.secret) return std::make_unique<SetSecret>(settings.secret->value);
    return std::make_unique<StoredSecrets>(
        open_secret_store(settings), server_key(settings).value_or(""),
        settings.tenant ? settings.tenant->value : std::string());
}

}  // namespace pwh::commands
