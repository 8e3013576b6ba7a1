// SPDX-License-Identifier: Apache-2.0
#include "store/token_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "crypto/crypto.hpp"
#include "text/hex.hpp"

namespace pwh::store {

namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr auto tokens_name = "tokens.json";
constexpr auto key_name = "tokens.key";
constexpr auto lock_name = "tokens.lock";
constexpr int format_version = 1;
constexpr std::size_t largest_file = 1U << 20U;
constexpr std::size_t most_entries = 64;
constexpr std::size_t key_size = 32;

/// How long to wait for another pwh: while it writes the file, and while it signs in (a person may
/// have to type a code).
constexpr std::chrono::seconds longest_write{10};
constexpr std::chrono::minutes longest_turn{2};
constexpr milliseconds pause{10};

/// The first byte of the lock file is for writing; accounts have those behind it.
constexpr off_t write_lock = 0;

struct Entry {
    std::string id;
    CachedToken token;
};

/// Each text with its length, so that no two owners look alike.
std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const auto& text : texts) all += fmt::format("{}:{}", text.size(), text);
    return all;
}

std::string account(const TokenOwner& owner) {
    return joined({owner.protocol, owner.server, owner.tenant, owner.username});
}

std::string id_of(const TokenOwner& owner, const std::string& key) {
    return text::to_hex(crypto::HmacSha256(key)({account(owner), joined(owner.credentials)}));
}

off_t turn_lock(const TokenOwner& owner) {
    const auto digest = crypto::sha256(account(owner));
    off_t offset = 0;
    for (std::size_t i = 0; i < 6; ++i) offset = offset * 256 + digest[i];
    return offset + 1;
}

/// A byte of the lock file, locked until its owner is gone, or the process.
class ByteLock {
  public:
    ByteLock(const StateFolder& folder, off_t offset)
        : fd_(folder.open_lock(lock_name)), offset_(offset) {}

    /// False when it is still another's in the end.
    bool wait(milliseconds patience) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!try_lock()) {
            if (interrupted() || std::chrono::steady_clock::now() >= end) return false;
            std::this_thread::sleep_for(pause);
        }
        return true;
    }

    bool try_lock() {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = offset_;
        lock.l_len = 1;
        if (::fcntl(fd_.get(), F_OFD_SETLK, &lock) == 0) return true;
        if (errno == EAGAIN || errno == EACCES || errno == EINTR) return false;
        throw Error(ExitCode::failure, fmt::format("cannot lock it: {}", errno_text(errno)));
    }

  private:
    UniqueFd fd_;
    off_t offset_;
};

std::int64_t in_milliseconds(WallTime time) {
    return std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
}

WallTime time_from(const Json& json) {
    static constexpr std::int64_t year_3000 = 32'503'680'000'000;
    if (!json.is_number_integer()) throw std::invalid_argument("no time");
    return WallTime(milliseconds(std::clamp<std::int64_t>(json.get<std::int64_t>(), 0, year_3000)));
}

Json to_json(const Entry& entry) {
    const auto& token = entry.token;
    return {{"id", entry.id},
            {"token", token.access},
            {"refreshToken", token.refresh},
            {"tenant", token.tenant},
            {"issued", in_milliseconds(token.issued)},
            {"expires", in_milliseconds(token.expires)},
            {"secondFactor", token.second_factor}};
}

Entry entry_from(const Json& json) {
    return {json.at("id").get<std::string>(),
            {json.at("token").get<std::string>(), json.at("refreshToken").get<std::string>(),
             json.at("tenant").get<std::string>(), time_from(json.at("issued")),
             time_from(json.at("expires")), json.at("secondFactor").get<bool>()}};
}

/// Empty for what pwh did not write.
std::vector<Entry> load(const StateFolder& folder) {
    const auto content = folder.read(tokens_name);
    if (content.empty() || content.size() > largest_file) return {};
    try {
        const auto file = Json::parse(content);
        if (file.at("version") != format_version) return {};
        std::vector<Entry> entries;
        for (const auto& json : file.at("entries")) entries.push_back(entry_from(json));
        return entries;
    } catch (const Json::exception&) {
        return {};
    } catch (const std::invalid_argument&) {
        return {};
    }
}

void save(const StateFolder& folder, const std::vector<Entry>& entries) {
    Json list = Json::array();
    for (const auto& entry : entries) list.push_back(to_json(entry));
    const Json file{{"version", format_version}, {"entries", std::move(list)}};
    folder.replace_cache(tokens_name,
                         file.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::optional<std::string> load_key(const StateFolder& folder) {
    auto hex = folder.read(key_name);
    if (hex.ends_with('\n')) hex.pop_back();
    std::array<unsigned char, key_size> key{};
    if (!text::from_hex(hex, key)) return std::nullopt;
    return std::string(key.begin(), key.end());
}

std::string make_key(const StateFolder& folder) {
    std::array<unsigned char, key_size> key{};
    crypto::random_bytes(key);
    folder.replace_cache(key_name, text::to_hex(key) + "\n");
    return {key.begin(), key.end()};
}

auto find_entry(std::vector<Entry>& entries, const std::string& id) {
    return std::find_if(entries.begin(), entries.end(),
                        [&id](const Entry& entry) { return entry.id == id; });
}

/// Oldest first: those in front go when there are too many.
void add_entry(std::vector<Entry>& entries, Entry entry, WallTime now) {
    std::erase_if(entries, [&](const Entry& each) {
        return each.id == entry.id || each.token.expires <= now || each.token.issued > now;
    });
    entries.push_back(std::move(entry));
    if (entries.size() > most_entries) entries.erase(entries.begin());
}

/// Held for one read-modify-replace of the file.
ByteLock lock_for_writing(const StateFolder& folder) {
    ByteLock lock(folder, write_lock);
    if (!lock.wait(longest_write)) throw Error(ExitCode::failure, "another pwh does not let go");
    return lock;
}

}  // namespace

template <typename Action>
void TokenCache::attempt(const char* what, Action&& action) const {
    try {
        action();
    } catch (const std::exception& error) {
        diagnostics_.detail(fmt::format("cannot {} the token cache: {}", what, error.what()));
    }
}

std::optional<CachedToken> TokenCache::find(const TokenOwner& owner) const {
    std::optional<CachedToken> found;
    attempt("read", [&] {
        const auto key = load_key(folder_);
        if (!key) return;
        auto entries = load(folder_);
        const auto entry = find_entry(entries, id_of(owner, *key));
        if (entry != entries.end()) found = std::move(entry->token);
    });
    return found;
}

void TokenCache::keep(const TokenOwner& owner, const CachedToken& token, WallTime now) const {
    attempt("write", [&] {
        const auto lock = lock_for_writing(folder_);
        auto key = load_key(folder_);
        auto entries = key ? load(folder_) : std::vector<Entry>{};
        if (!key) key = make_key(folder_);
        add_entry(entries, {id_of(owner, *key), token}, now);
        save(folder_, entries);
    });
}

void TokenCache::drop(const TokenOwner& owner, const std::string& access) const {
    attempt("write", [&] {
        const auto key = load_key(folder_);
        if (!key) return;
        const auto lock = lock_for_writing(folder_);
        auto entries = load(folder_);
        const auto entry = find_entry(entries, id_of(owner, *key));
        if (entry == entries.end() || entry->token.access != access) return;
        entries.erase(entry);
        save(folder_, entries);
    });
}

std::shared_ptr<void> TokenCache::take_turn(const TokenOwner& owner) const {
    std::shared_ptr<ByteLock> turn;
    attempt("lock", [&] {
        auto lock = std::make_shared<ByteLock>(folder_, turn_lock(owner));
        if (!lock->try_lock()) {
            diagnostics_.detail("waiting for another pwh that signs in");
            if (!lock->wait(longest_turn)) return;
        }
        turn = std::move(lock);
    });
    return turn;
}

}  // namespace pwh::store
