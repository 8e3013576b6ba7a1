// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "settings/settings.hpp"
#include "store/event_reader.hpp"

namespace pwh::commands {

/// Where the event store to read is: `option`, else the setting, else events.db in the state
/// folder.
std::filesystem::path event_store_path(const std::string& option,
                                       const settings::Settings& settings);

/// Throws Error(failure) where there is no store.
store::EventReader open_event_store(const std::filesystem::path& path);

}  // namespace pwh::commands
