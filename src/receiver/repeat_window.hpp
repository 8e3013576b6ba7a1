// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "crypto/crypto.hpp"

namespace pwh::receiver {

/// Remembers the ids of the latest messages in constant memory: at least `capacity` of them, at
/// most twice as many. Two generations; when the newer is full, the older is forgotten.
class RepeatWindow {
  public:
    /// `capacity` is rounded up to a power of two.
    explicit RepeatWindow(std::size_t capacity);

    bool contains(const crypto::Digest& id) const;
    void insert(const crypto::Digest& id);

  private:
    /// Half a SHA-256: chance does not make two equal, and nobody without the secret can choose
    /// them.
    using Key = std::array<std::uint64_t, 2>;
    /// Open addressing, at most half full. A byte of each key stands apart, where the processor's
    /// cache holds all of them: a message that is new, as most are, needs no look at the keys.
    struct Generation {
        std::vector<std::uint8_t> tags;  ///< 0: free
        std::vector<Key> keys;
        std::size_t used = 0;
    };
    static Key key_of(const crypto::Digest& id);
    static std::uint8_t tag_of(const Key& key);
    static std::size_t slot_of(const Generation& generation, const Key& key);
    static bool holds(const Generation& generation, const Key& key);

    std::size_t capacity_;
    Generation newer_;
    Generation older_;
};

}  // namespace pwh::receiver
