// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "store/sqlite.hpp"

namespace pwh::store {

/// The steps from an empty file to today's event store, oldest first: a store of version N has had
/// the first N. A step that was released is never changed; a new version is a new step.
std::span<const char* const> schema_steps();

/// Makes a store where the path names nothing, so that a crash leaves none or a whole one. Nothing
/// happens where something is there already. Throws DatabaseError.
void create_event_store(const std::filesystem::path& path);

/// Opens a store that is there. Throws DatabaseError for what is no event store, is damaged, was
/// written by a later pwh, or can't be written (with Mode::read_write). A store of an earlier
/// version is brought up to date with Mode::read_write, in one transaction; reading needs that
/// done.
Database open_event_store(const std::filesystem::path& path, Database::Mode mode);

/// The name that a store keeps for its life: 32 hex digits.
std::string event_store_id(Database& database);

}  // namespace pwh::store
