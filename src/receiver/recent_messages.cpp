// SPDX-License-Identifier: Apache-2.0
#include "receiver/recent_messages.hpp"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace pwh::receiver {

namespace {

constexpr std::size_t most_bytes = 512U << 10U;
constexpr std::size_t most_messages = 4096;

}  // namespace

void RecentMessages::add(std::span<const store::NewMessage> messages,
                         std::int64_t last_id) noexcept {
    const auto before = last_id - static_cast<std::int64_t>(messages.size());
    if (page_.messages.empty()) after_ = newest_ = before;
    std::size_t bytes = page_.bytes.size();
    for (const auto& message : messages) bytes += message.body.size();
    const bool fits = before == newest_ && bytes <= most_bytes &&
                      page_.messages.size() + messages.size() <= most_messages;
    if (!fits) return drop(last_id);
    try {
        keep(messages, last_id);
    } catch (const std::bad_alloc&) {
        drop(last_id);
    }
}

void RecentMessages::keep(std::span<const store::NewMessage> messages, std::int64_t last_id) {
    // From then on bodies stay where they are.
    if (page_.messages.empty()) page_.bytes.reserve(most_bytes);
    auto id = newest_;
    for (const auto& message : messages) {
        const auto at = page_.bytes.size();
        page_.bytes += message.body;
        page_.messages.push_back({++id, message.received_ms, message.message_id,
                                  std::string_view(page_.bytes).substr(at)});
    }
    newest_ = last_id;
}

void RecentMessages::drop(std::int64_t last_id) noexcept {
    page_.messages.clear();
    page_.bytes.clear();
    if (page_.bytes.capacity() > 2 * most_bytes) page_.bytes = {};
    after_ = newest_ = last_id;
}

bool RecentMessages::take(std::int64_t after, store::Page& page) {
    if (after < after_ || after >= newest_) return false;
    std::swap(page, page_);
    drop(newest_);
    auto& messages = page.messages;
    messages.erase(messages.begin(),
                   std::find_if(messages.begin(), messages.end(),
                                [after](const auto& message) { return message.id > after; }));
    page.reached = newest_;
    page.end = false;
    return true;
}

}  // namespace pwh::receiver
