// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "store/event_reader.hpp"
#include "store/event_store.hpp"

namespace pwh::receiver {

/// Copies of the newest committed messages, up to a bound: who keeps up with the store need not
/// read it. Beyond the bound all are dropped. Not for several threads at once.
class RecentMessages {
  public:
    /// `messages` have the ids up to `last_id`; none where they are not known.
    void add(std::span<const store::NewMessage> messages, std::int64_t last_id) noexcept;
    /// Moves out what is there above `after`, which is all up to the newest. False, and nothing
    /// moved, when there is nothing or some that come before it are not kept.
    bool take(std::int64_t after, store::Page& page);

  private:
    void keep(std::span<const store::NewMessage> messages, std::int64_t last_id);
    void drop(std::int64_t last_id) noexcept;

    store::Page page_;
    std::int64_t after_ = 0;   ///< all above this id are kept, ...
    std::int64_t newest_ = 0;  ///< up to this one
};

}  // namespace pwh::receiver
