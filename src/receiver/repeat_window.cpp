// SPDX-License-Identifier: Apache-2.0
#include "receiver/repeat_window.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace pwh::receiver {

RepeatWindow::RepeatWindow(std::size_t capacity) : capacity_(std::bit_ceil(capacity)) {
    for (auto* generation : {&newer_, &older_}) {
        generation->tags.resize(2 * capacity_);
        generation->keys.resize(2 * capacity_);
    }
}

RepeatWindow::Key RepeatWindow::key_of(const crypto::Digest& id) {
    Key key{};
    std::memcpy(key.data(), id.data(), sizeof key);
    return key;
}

std::uint8_t RepeatWindow::tag_of(const Key& key) {
    return std::max<std::uint8_t>(static_cast<std::uint8_t>(key[1]), 1);
}

std::size_t RepeatWindow::slot_of(const Generation& generation, const Key& key) {
    const auto& [tags, keys, used] = generation;
    const auto mask = tags.size() - 1;
    const auto tag = tag_of(key);
    auto slot = static_cast<std::size_t>(key[0]) & mask;
    while (tags[slot] != 0 && (tags[slot] != tag || keys[slot] != key)) slot = (slot + 1) & mask;
    return slot;
}

bool RepeatWindow::holds(const Generation& generation, const Key& key) {
    return generation.tags[slot_of(generation, key)] != 0;
}

bool RepeatWindow::contains(const crypto::Digest& id) const {
    const auto key = key_of(id);
    return holds(newer_, key) || holds(older_, key);
}

void RepeatWindow::insert(const crypto::Digest& id) {
    const auto key = key_of(id);
    if (newer_.used == capacity_) {
        std::swap(newer_, older_);
        std::fill(newer_.tags.begin(), newer_.tags.end(), std::uint8_t{0});
        newer_.used = 0;
    }
    const auto slot = slot_of(newer_, key);
    if (newer_.tags[slot] != 0) return;
    newer_.tags[slot] = tag_of(key);
    newer_.keys[slot] = key;
    ++newer_.used;
}

}  // namespace pwh::receiver
