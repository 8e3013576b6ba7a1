// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace pwh::store {

/// Where reading goes on: taken are all events of the messages with ids below `message`, and the
/// first `events` events of that one, counted as they stand in it, whatever filters let through.
struct EventPosition {
    std::int64_t message = 1;
    std::uint64_t events = 0;

    bool operator==(const EventPosition&) const = default;
    bool operator<(const EventPosition& other) const {
        return message != other.message ? message < other.message : events < other.events;
    }
};

/// Remembers a position in one event store between runs, in a file of one line:
///
///     pwh-cursor 1 STORE-ID MESSAGE EVENTS
///
/// Locked (flock) while this lives, so that two readers can't hand on the same events. Replaced by
/// rename after fsync, the new file locked before it takes the place; its mode and owner stay.
class CursorFile {
  public:
    /// Opens and locks the file; makes it (0600, empty) where it is missing. An empty one starts
    /// with the oldest event. Throws UsageError when it can't be opened, holds anything else, is
    /// another store's, or is past `last_id`, the newest message of the store: it is then left as
    /// it is. Throws Error(failure) when another process has it locked, or its folder can't be
    /// written.
    CursorFile(const std::filesystem::path& path, std::string store_id, std::int64_t last_id);

    EventPosition position() const { return position_; }
    /// On disk when it returns; does nothing where the file says so already. Throws Error(failure).
    void save(EventPosition position);

  private:
    void open(const std::filesystem::path& path);
    void load(std::int64_t last_id);
    void replace(std::string_view content);
    UniqueFd make_new() const;

    std::filesystem::path path_;  ///< no symbolic link, so that the file itself is replaced
    std::filesystem::path new_path_;
    std::string store_id_;
    UniqueFd fd_;
    EventPosition position_;
    bool saved_ = false;  ///< the file holds position_
};

}  // namespace pwh::store
