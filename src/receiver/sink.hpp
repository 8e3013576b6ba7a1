// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "crypto/crypto.hpp"
#include "net/http_server.hpp"

namespace pwh::receiver {

/// A verified message on its way to safety.
struct Delivery {
    enum class State { waiting, started, safe, failed, abandoned };

    crypto::Digest id{};  ///< what a repeat is told by
    std::string body;     ///< as received
    std::string lines;    ///< what stdout gets, where the sink needs them
    std::size_t events = 0;
    std::size_t bytes = 0;  ///< of body and lines
    WallTime received;      ///< what the lines say
    crypto::Digest message_id{};
    std::string trigger;
    std::string subscription;
    std::vector<std::uint64_t> reference_keys;  ///< store::reference_key() of each event's
    std::chrono::steady_clock::time_point since;
    std::vector<net::Reply> replies;  ///< the loop's alone
    State state =
        State::waiting;  ///< the writer's, under its lock, until it hands the delivery back
};

using Batch = std::vector<std::shared_ptr<Delivery>>;

/// Makes messages safe: what a 200 promises. Called on the writer's thread, but for what says
/// otherwise.
class Sink {
  public:
    struct Result {
        std::size_t safe = 0;  ///< so many of the batch, from its first on
        bool closed = false;   ///< nothing can be made safe any more
    };

    struct Immediate {
        Result result;
        bool begun = false;  ///< the message after the safe ones: the next write() goes on with it
    };

    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    /// How many bytes to take as one batch at most; one message is always taken.
    virtual std::size_t batch_bytes() const = 0;
    /// Whether a delivery has to bring its lines; otherwise it brings what a store needs. From the
    /// loop's thread.
    virtual bool needs_lines() const { return true; }
    /// Makes the batch safe, in order. May block for as long as it takes; a message that was begun
    /// is finished.
    virtual Result write(std::span<const std::shared_ptr<Delivery>> batch) = 0;
    /// Makes safe what can be without waiting. From the loop's thread, and only while no write()
    /// runs.
    virtual Immediate write_now(std::span<const std::shared_ptr<Delivery>>) { return {}; }
    /// Has a write() that blocks return soon. From any thread.
    virtual void interrupt() = 0;
    /// What can wait until the answers are out: called after a batch, and when none waits. Returns
    /// when to call again if no batch comes first; nothing where there is nothing to do.
    virtual std::optional<std::chrono::milliseconds> maintain() { return std::nullopt; }
    /// The last call, after the last batch.
    virtual void finish() {}
    /// True when the sink is known to be gone although nothing was written. From the loop's thread.
    virtual bool gone() const { return false; }
    /// False while nothing can be made safe, for now. From the loop's thread.
    virtual bool accepting() const { return true; }
    /// How many requests were refused so far, by reason. From the loop's thread.
    virtual void note_refusals(const std::map<std::string, std::uint64_t, std::less<>>&) {}
};

}  // namespace pwh::receiver
