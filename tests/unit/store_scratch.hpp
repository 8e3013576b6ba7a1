// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>  // mkdtemp
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "crypto/crypto.hpp"
#include "receiver/store_sink.hpp"
#include "store/event_index.hpp"
#include "store/event_reader.hpp"
#include "store/event_store.hpp"

// What the tests of the event store share.
namespace pwh::store_test {

/// An empty folder, removed with its owner.
class Scratch {
  public:
    explicit Scratch(const std::string& parent = "/tmp") : path_(parent + "/pwh-unit-XXXXXX") {
        REQUIRE(::mkdtemp(path_.data()) != nullptr);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { std::filesystem::remove_all(path_); }

    std::string folder() const { return path_; }
    std::string store(const std::string& name = "events.db") const { return path_ + "/" + name; }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& each : std::filesystem::directory_iterator(path_)) {
            names.push_back(each.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

  private:
    std::string path_;
};

/// Where a test may make many files that no disk need ever see.
inline std::string memory_folder() {
    return ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

/// Root may write everywhere: while it lives, another user does what is done. False where the
/// system has no other.
class Unprivileged {
  public:
    Unprivileged() : root_(::geteuid() == 0) { holds_ = !root_ || ::seteuid(65534) == 0; }
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;
    ~Unprivileged() {
        if (root_ && ::seteuid(0) != 0) ::_exit(1);
    }
    explicit operator bool() const { return holds_; }

  private:
    bool root_;
    bool holds_ = false;
};

inline std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

inline void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// A message as a test has it.
struct Mail {
    std::int64_t received_ms = 0;
    std::string trigger = "MOVED";
    std::string subscription = "s1";
    std::vector<std::string> references;  ///< one of each event
    std::string body;

    void make_body(std::size_t number) {
        body = fmt::format(R"({{"n":{},"trigger":"{}","subscriptionId":"{}","events":[)", number,
                           trigger, subscription);
        for (const auto& reference : references) {
            if (body.back() == '}') body += ',';
            body += fmt::format(R"({{"entityRef":"{}"}})", reference);
        }
        body += "]}";
    }
};

/// A message that differs from those of other numbers.
inline Mail mail(std::size_t number, std::int64_t received_ms = 1'700'000'000'000) {
    Mail mail;
    mail.received_ms = received_ms;
    mail.references = {fmt::format("{:08x}-0000-4000-8000-000000000000", number)};
    mail.make_body(number);
    return mail;
}

/// Stores them in one commit.
inline void append(store::EventStore& store, std::span<const Mail> mails) {
    std::vector<std::vector<std::uint64_t>> keys;
    std::vector<store::NewMessage> messages;
    keys.reserve(mails.size());
    for (const auto& mail : mails) {
        auto& its = keys.emplace_back();
        for (const auto& reference : mail.references) {
            its.push_back(store::reference_key(reference));
        }
        messages.push_back({mail.received_ms, crypto::sha256(mail.body), mail.trigger,
                            mail.subscription, mail.body, mail.references.size(), &its});
    }
    store.append(messages);
}

inline void append(store::EventStore& store, const Mail& mail) {
    append(store, std::span(&mail, 1));
}

/// Until nothing is left to do.
inline void maintain(store::EventStore& store,
                     std::optional<std::int64_t> oldest_ms = std::nullopt) {
    while (store.maintain(oldest_ms)) {
    }
}

struct Found {
    std::int64_t id = 0;
    std::int64_t received_ms = 0;
    crypto::Digest message_id{};
    std::string body;
};

/// All that a query finds, as read() hands it out.
inline std::vector<Found> find(store::EventReader& reader, const store::EventQuery& query = {},
                               std::int64_t after = 0) {
    std::vector<Found> found;
    store::Page page;
    do {
        reader.read(query, after, page);
        REQUIRE((page.end || page.reached > after));
        for (const auto& message : page.messages) {
            REQUIRE(message.id > after);
            REQUIRE(message.id <= page.reached);
            after = message.id;
            found.push_back(
                {message.id, message.received_ms, message.message_id, std::string(message.body)});
        }
        after = page.reached;
    } while (!page.end);
    return found;
}

inline std::vector<Found> stored(const std::string& path) {
    store::EventReader reader(path);
    return find(reader);
}

/// What SQLite says of the whole file: "ok".
inline std::string integrity(const std::string& path) {
    store::Database database(path, store::Database::Mode::read_write);
    return database.text("PRAGMA integrity_check");
}

/// The numbers of events in a body, as `events --stats` asks for them.
inline std::size_t events_in(std::string_view body) {
    std::vector<std::uint64_t> keys;
    return receiver::read_references(body, keys);
}

}  // namespace pwh::store_test
