// SPDX-License-Identifier: Apache-2.0
#include "store/secret_store.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/error.hpp"
#include "text/time.hpp"

namespace pwh::store {

namespace {

using Json = nlohmann::ordered_json;

constexpr auto file_name = "secrets.json";
constexpr auto lock_name = "secrets.lock";
constexpr int format_version = 1;

Json to_json(const SecretUse& use) {
    Json json = Json::object();
    if (!use.pending()) json["id"] = use.id;
    json["url"] = use.url;
    json["trigger"] = use.trigger;
    if (use.temporary) json["temporary"] = true;
    return json;
}

std::string encode(const std::vector<StoredSecret>& secrets) {
    Json list = Json::array();
    for (const auto& secret : secrets) {
        Json uses = Json::array();
        for (const auto& use : secret.uses) uses.push_back(to_json(use));
        list.push_back({{"server", secret.server},
                        {"tenant", secret.tenant},
                        {"secret", secret.secret},
                        {"createdAt", secret.created_at},
                        {"uses", std::move(uses)}});
    }
    const Json file{{"version", format_version}, {"secrets", std::move(list)}};
    try {
        return file.dump(2) + "\n";
    } catch (const Json::type_error&) {
        throw Error(ExitCode::failure, "the secret store keeps only UTF-8 text",
                    "use a secret of letters and digits, such as `pwh secret` prints");
    }
}

SecretUse use_from(const Json& json) {
    SecretUse use;
    if (json.contains("id")) {
        use.id = json.at("id").get<std::string>();
        if (use.id.empty()) throw std::invalid_argument("an empty id");
    }
    use.url = json.at("url").get<std::string>();
    use.trigger = json.at("trigger").get<std::string>();
    if (json.contains("temporary")) use.temporary = json.at("temporary").get<bool>();
    return use;
}

StoredSecret secret_from(const Json& json) {
    StoredSecret secret{json.at("server").get<std::string>(),
                        json.at("tenant").get<std::string>(),
                        json.at("secret").get<std::string>(),
                        json.at("createdAt").get<std::string>(),
                        {}};
    const auto& uses = json.at("uses");
    if (!uses.is_array()) throw std::invalid_argument("uses is no list");
    for (const auto& use : uses) secret.uses.push_back(use_from(use));
    return secret;
}

/// Throws Json::exception or std::invalid_argument for what pwh did not write.
std::vector<StoredSecret> decode(const std::string& content) {
    const auto file = Json::parse(content);
    if (file.at("version") != format_version) throw std::invalid_argument("no version");
    const auto& list = file.at("secrets");
    if (!list.is_array()) throw std::invalid_argument("secrets is no list");
    std::vector<StoredSecret> secrets;
    secrets.reserve(list.size());
    for (const auto& secret : list) secrets.push_back(secret_from(secret));
    return secrets;
}

bool is_newer(const std::string& content) {
    const auto file = Json::parse(content, nullptr, false);
    if (!file.is_object()) return false;
    const auto version = file.find("version");
    return version != file.end() && version->is_number() && *version != format_version;
}

std::vector<StoredSecret> load(const StateFolder& folder) {
    const auto content = folder.read(file_name);
    if (content.empty()) return {};
    const auto path = folder.file(file_name).native();
    if (is_newer(content)) {
        throw Error(ExitCode::failure,
                    fmt::format("the secret store {} was written by another version of pwh", path),
                    "use that version, or another state folder (--state-dir, PWH_STATE_DIR)");
    }
    try {
        return decode(content);
    } catch (const Json::exception&) {
    } catch (const std::invalid_argument&) {
    }
    throw Error(ExitCode::failure,
                fmt::format("the secret store {} is damaged: it is not what pwh writes", path),
                "restore it from a backup, or move it away: subscriptions then need new secrets");
}

StoredSecret* find_secret(std::vector<StoredSecret>& secrets, const std::string& server,
                          const std::string& tenant, const std::string& secret) {
    const auto found = std::find_if(secrets.begin(), secrets.end(), [&](const StoredSecret& s) {
        return s.server == server && s.tenant == tenant && s.secret == secret;
    });
    return found == secrets.end() ? nullptr : &*found;
}

StoredSecret& find_or_add(std::vector<StoredSecret>& secrets, const std::string& server,
                          const std::string& tenant, const std::string& secret, WallTime now) {
    if (auto* found = find_secret(secrets, server, tenant, secret)) return *found;
    return secrets.emplace_back(StoredSecret{server, tenant, secret, text::rfc3339(now), {}});
}

auto find_pending(StoredSecret& secret, const SecretUse& use) {
    return std::find_if(secret.uses.begin(), secret.uses.end(), [&use](const SecretUse& u) {
        return u.pending() && u.url == use.url && u.trigger == use.trigger;
    });
}

}  // namespace

bool StoredSecret::pending() const {
    return std::any_of(uses.begin(), uses.end(),
                       [](const SecretUse& use) { return use.pending(); });
}

std::string SecretStore::version() const {
    struct stat info {};
    if (::stat(folder_.file(file_name).c_str(), &info) != 0) {
        return errno == ENOENT ? std::string() : fmt::format("error {}", errno);
    }
    return fmt::format("{}:{}:{}:{}.{:09}", info.st_dev, info.st_ino, info.st_size,
                       info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

std::vector<StoredSecret> SecretStore::all() const {
    return load(folder_);
}

std::optional<std::string> SecretStore::find(const std::string& subscription_id) const {
    if (subscription_id.empty()) return std::nullopt;
    for (const auto& secret : all()) {
        for (const auto& use : secret.uses) {
            if (use.id == subscription_id) return secret.secret;
        }
    }
    return std::nullopt;
}

void SecretStore::update(const std::function<void(std::vector<StoredSecret>&)>& change) const {
    const FileLock lock(folder_, lock_name, [] {});
    auto secrets = load(folder_);
    const auto before = encode(secrets);
    change(secrets);
    std::erase_if(secrets, [](const StoredSecret& secret) { return secret.uses.empty(); });
    const auto after = encode(secrets);
    if (after != before) folder_.replace(file_name, after);
}

void SecretStore::add_pending(const std::string& server, const std::string& tenant,
                              const std::string& secret, const SecretUse& use, WallTime now) const {
    update([&](std::vector<StoredSecret>& secrets) {
        auto& entry = find_or_add(secrets, server, tenant, secret, now);
        const auto pending = find_pending(entry, use);
        if (pending == entry.uses.end()) {
            entry.uses.push_back({{}, use.url, use.trigger, use.temporary});
        } else {
            pending->temporary = use.temporary;
        }
    });
}

void SecretStore::settle(const std::string& server, const std::string& tenant,
                         const std::string& secret, const SecretUse& use) const {
    update([&](std::vector<StoredSecret>& secrets) {
        // The list may have been changed meanwhile; a secret in use must not be lost for that.
        auto& entry =
            find_or_add(secrets, server, tenant, secret, std::chrono::system_clock::now());
        const auto pending = find_pending(entry, use);
        if (pending != entry.uses.end()) entry.uses.erase(pending);
        const auto known = std::find_if(entry.uses.begin(), entry.uses.end(),
                                        [&use](const SecretUse& u) { return u.id == use.id; });
        if (known == entry.uses.end()) {
            entry.uses.push_back(use);
        } else {
            *known = use;
        }
    });
}

void SecretStore::drop_pending(const std::string& server, const std::string& tenant,
                               const std::string& secret, const SecretUse& use) const {
    update([&](std::vector<StoredSecret>& secrets) {
        auto* entry = find_secret(secrets, server, tenant, secret);
        if (entry == nullptr) return;
        const auto pending = find_pending(*entry, use);
        if (pending != entry->uses.end()) entry->uses.erase(pending);
    });
}

void SecretStore::forget(const std::string& subscription_id) const {
    if (subscription_id.empty()) return;
    update([&](std::vector<StoredSecret>& secrets) {
        for (auto& secret : secrets) {
            std::erase_if(secret.uses,
                          [&](const SecretUse& use) { return use.id == subscription_id; });
        }
    });
}

}  // namespace pwh::store
