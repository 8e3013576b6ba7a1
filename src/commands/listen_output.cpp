// SPDX-License-Identifier: Apache-2.0
#include "commands/listen_output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "receiver/stdout_sink.hpp"
#include "receiver/store_sink.hpp"
#include "store/state_folder.hpp"
#include "text/time.hpp"

namespace pwh::commands {

namespace {

std::optional<std::chrono::milliseconds> retained(const ListenOptions& options, bool stores) {
    if (options.retain.empty()) return std::nullopt;
    if (!stores) {
        throw UsageError("--retain is about stored events, and there is no store",
                         "give --store FILE as well");
    }
    const auto age = text::parse_age(options.retain);
    if (!age || age->count() == 0) {
        throw UsageError(fmt::format("--retain {} is no length of time", options.retain),
                         "write 90d, 12w or 48h");
    }
    return age;
}

}  // namespace

receiver::LineFormat line_format(const ListenOptions& options) {
    return options.format == "message" ? receiver::LineFormat::message
                                       : receiver::LineFormat::event;
}

ListenOutput::ListenOutput(const ListenOptions& options, const settings::Settings& settings,
                           const Diagnostics& diagnostics, WallClock clock) {
    const auto path = !options.store.empty() ? options.store
                      : settings.store       ? settings.store->value
                                             : std::string();
    const auto retain = retained(options, !path.empty());
    if (path.empty()) {
        sink_ = std::make_unique<receiver::StdoutSink>(STDOUT_FILENO);
        return;
    }
    // pwh's own folder is made when it is first needed; others are the user's.
    const std::filesystem::path folder = settings.state_dir.value;
    if (std::filesystem::path(path).parent_path() == folder) store::StateFolder(folder).create();
    store_.emplace(path, receiver::read_references);
    // Now: once there is a receiver, the store is its writer thread's.
    store_->latest(receiver::Receiver::remembered_messages,
                   [this](const crypto::Digest& id) { remembered_.push_back(id); });
    follower_.emplace(path, store_->last_id(), line_format(options), STDOUT_FILENO, diagnostics);
    sink_ = std::make_unique<receiver::StoreSink>(
        *store_, retain, diagnostics, std::move(clock),
        [this](auto newest, std::int64_t last_id) { follower_->committed(newest, last_id); });
}

void ListenOutput::remember(receiver::Receiver& receiver) {
    for (const auto& id : remembered_) receiver.remember(id);
    remembered_ = {};
}

void ListenOutput::finish() {
    if (follower_) follower_->finish();
}

}  // namespace pwh::commands
