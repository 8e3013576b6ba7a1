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
    struct Generation {
        std::vector<Key> slots;  ///< open addressing, at most half full; all zero is free
        std::size_t used = 0;
    };
    static Key key_of(const crypto::Digest& id);
    std::size_t slot_of(const Generation& generation, const Key& key) const;

    std::size_t capacity_;
    Generation newer_;
    Generation older_;
};

}  // namespace pwh::receiver
