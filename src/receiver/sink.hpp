// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "crypto/crypto.hpp"
#include "net/http_server.hpp"

namespace pwh::receiver {

/// A verified message on its way to safety.
struct Delivery {
    enum class State { waiting, started, safe, failed, abandoned };

    crypto::Digest id{};
    std::string body;   ///< as received
    std::string lines;  ///< what stdout gets
    std::size_t events = 0;
    std::chrono::steady_clock::time_point since;
    std::vector<net::Reply> replies;  ///< the loop's alone
    State state =
        State::waiting;  ///< the writer's, under its lock, until it hands the delivery back
};

using Batch = std::vector<std::shared_ptr<Delivery>>;

/// Makes messages safe: what a 200 promises. Called on the writer's thread only, but for
/// interrupt().
class Sink {
  public:
    struct Result {
        std::size_t safe = 0;  ///< so many of the batch, from its first on
        bool closed = false;   ///< nothing can be made safe any more
    };

    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    /// How many bytes of lines to take as one batch at most; one message is always taken.
    virtual std::size_t batch_bytes() const = 0;
    /// Makes the batch safe, in order. May block for as long as it takes; a message that was begun
    /// is finished.
    virtual Result write(std::span<const std::shared_ptr<Delivery>> batch) = 0;
    /// Has a write() that blocks return soon. From any thread.
    virtual void interrupt() = 0;
    /// True when the sink is known to be gone although nothing was written. From the loop's thread.
    virtual bool gone() const { return false; }
};

}  // namespace pwh::receiver
