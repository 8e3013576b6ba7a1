// SPDX-License-Identifier: Apache-2.0
#include "receiver/repeat_window.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace pwh::receiver {

namespace {

constexpr std::array<std::uint64_t, 2> free_slot{};

}  // namespace

RepeatWindow::RepeatWindow(std::size_t capacity) : capacity_(std::bit_ceil(capacity)) {
    newer_.slots.resize(2 * capacity_);
    older_.slots.resize(2 * capacity_);
}

RepeatWindow::Key RepeatWindow::key_of(const crypto::Digest& id) {
    Key key{};
    std::memcpy(key.data(), id.data(), sizeof key);
    if (key == free_slot) key[0] = 1;
    return key;
}

std::size_t RepeatWindow::slot_of(const Generation& generation, const Key& key) const {
    const auto mask = generation.slots.size() - 1;
    auto slot = static_cast<std::size_t>(key[0]) & mask;
    while (generation.slots[slot] != free_slot && generation.slots[slot] != key)
        slot = (slot + 1) & mask;
    return slot;
}

bool RepeatWindow::contains(const crypto::Digest& id) const {
    const auto key = key_of(id);
    return newer_.slots[slot_of(newer_, key)] == key || older_.slots[slot_of(older_, key)] == key;
}

void RepeatWindow::insert(const crypto::Digest& id) {
    const auto key = key_of(id);
    if (newer_.used == capacity_) {
        std::swap(newer_, older_);
        std::fill(newer_.slots.begin(), newer_.slots.end(), free_slot);
        newer_.used = 0;
    }
    auto& slot = newer_.slots[slot_of(newer_, key)];
    if (slot == key) return;
    slot = key;
    ++newer_.used;
}

}  // namespace pwh::receiver
