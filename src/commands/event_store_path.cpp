// SPDX-License-Identifier: Apache-2.0
#include "commands/event_store_path.hpp"

#include <fmt/format.h>

#include <system_error>

#include "base/error.hpp"

namespace pwh::commands {

namespace {

constexpr auto default_name = "events.db";

}  // namespace

std::filesystem::path event_store_path(const std::string& option,
                                       const settings::Settings& settings) {
    if (!option.empty()) return option;
    if (settings.store) return settings.store->value;
    return std::filesystem::path(settings.state_dir.value) / default_name;
}

store::EventReader open_event_store(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found) {
        throw Error(ExitCode::failure, fmt::format("there is no event store {}", path.native()),
                    fmt::format("pwh listen --store {} makes one; --store or PWH_STORE name "
                                "another",
                                path.native()));
    }
    return store::EventReader(path);
}

}  // namespace pwh::commands
