// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/diagnostics.hpp"
#include "receiver/lines.hpp"
#include "receiver/sink.hpp"
#include "store/event_store.hpp"

namespace pwh::receiver {

/// The keys of the references of the message that was read.
void append_reference_keys(LineWriter& message, std::vector<std::uint64_t>& keys);

/// The same of a body, for an EventStore that opens. Returns the number of its events.
std::size_t read_references(std::string_view body, std::vector<std::uint64_t>& keys);

/// Messages into the event store: safe is what is on disk. All that wait are one commit.
class StoreSink final : public Sink {
  public:
    /// Told after each commit what was committed, and its last id, on the writer's thread. Throws
    /// nothing.
    using Committed =
        std::function<void(std::span<const store::NewMessage> messages, std::int64_t last_id)>;

    /// `retain`: older messages are removed.
    StoreSink(store::EventStore& store, std::optional<std::chrono::milliseconds> retain,
              const Diagnostics& diagnostics, WallClock clock, Committed committed);

    std::size_t batch_bytes() const override;
    bool needs_lines() const override { return false; }
    Result write(std::span<const std::shared_ptr<Delivery>> batch) override;
    void interrupt() override {}  // a commit is never given up half-way
    std::optional<std::chrono::milliseconds> maintain() override;
    void finish() override;
    bool accepting() const override { return !failing_; }
    void note_refusals(const std::map<std::string, std::uint64_t, std::less<>>& by_reason) override;

  private:
    void failed(const Error& error);
    void works();
    void warn(const char* what, const Error& error,
              std::chrono::steady_clock::time_point& last) const;
    void look();
    void write_refusals();

    store::EventStore& store_;
    std::optional<std::chrono::milliseconds> retain_;
    const Diagnostics& diagnostics_;
    WallClock clock_;
    Committed committed_;
    std::vector<store::NewMessage> batch_;
    std::atomic<bool> failing_{false};
    std::chrono::steady_clock::time_point warned_{};  ///< that events can't be stored
    std::chrono::steady_clock::time_point warned_of_upkeep_{};
    std::chrono::steady_clock::time_point looked_{};  ///< at the refusals and at what fails
    std::mutex mutex_;
    std::map<std::string, std::uint64_t, std::less<>> refusals_;  ///< under the lock
    std::map<std::string, std::uint64_t, std::less<>> refusals_written_;
};

}  // namespace pwh::receiver
