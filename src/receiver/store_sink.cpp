// SPDX-License-Identifier: Apache-2.0
#include "receiver/store_sink.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>

namespace pwh::receiver {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t batch_limit = 4U << 20U;
constexpr milliseconds between_looks{1000};
constexpr std::chrono::seconds between_warnings{60};

std::int64_t ms_since_1970(WallTime time) {
    return std::chrono::floor<milliseconds>(time).time_since_epoch().count();
}

}  // namespace

void append_reference_keys(LineWriter& message, std::vector<std::uint64_t>& keys) {
    for (std::size_t event = 0; event < message.events(); ++event) {
        const auto reference = message.reference(event);
        if (!reference.empty()) keys.push_back(store::reference_key(reference));
    }
}

std::size_t read_references(std::string_view body, std::vector<std::uint64_t>& keys) {
    LineWriter lines(LineFormat::event);
    if (!lines.read(body)) return 0;
    append_reference_keys(lines, keys);
    return lines.events();
}

StoreSink::StoreSink(store::EventStore& store, std::optional<milliseconds> retain,
                     const Diagnostics& diagnostics, WallClock clock, Committed committed)
    : store_(store),
      retain_(retain),
      diagnostics_(diagnostics),
      clock_(std::move(clock)),
      committed_(std::move(committed)) {}

std::size_t StoreSink::batch_bytes() const {
    return batch_limit;
}

Sink::Result StoreSink::write(std::span<const std::shared_ptr<Delivery>> batch) {
    batch_.clear();
    for (const auto& delivery : batch) {
        batch_.push_back({ms_since_1970(delivery->received), delivery->message_id,
                          delivery->trigger, delivery->subscription, delivery->body,
                          delivery->events, &delivery->reference_keys});
    }
    try {
        store_.append(batch_);
    } catch (const Error& error) {
        failed(error);
        return {};
    } catch (const std::bad_alloc&) {
        return {};
    }
    works();
    committed_(batch_, store_.last_id());
    return {batch.size(), false};
}

void StoreSink::failed(const Error& error) {
    failing_ = true;
    warn("events can't be stored, and are answered 503", error, warned_);
}

void StoreSink::warn(const char* what, const Error& error, steady_clock::time_point& last) const {
    const auto now = steady_clock::now();
    if (last != steady_clock::time_point{} && now - last < between_warnings) return;
    last = now;
    diagnostics_.warning(fmt::format("{}: {}", what, error.what()), error.hint());
}

void StoreSink::works() {
    if (!failing_.exchange(false)) return;
    warned_ = {};
    diagnostics_.note(fmt::format("the event store {} works again", store_.path().string()));
}

/// Once a second: at what fails, and at the refusals.
void StoreSink::look() {
    const auto now = steady_clock::now();
    if (now - looked_ < between_looks) return;
    looked_ = now;
    try {
        store_.require_place();
        if (failing_) store_.probe();
        works();
    } catch (const Error& error) {
        return failed(error);
    }
    write_refusals();
}

/// What fails here costs no event: `failing_` is about those alone.
std::optional<milliseconds> StoreSink::maintain() {
    try {
        look();
        if (failing_) return between_looks;
        std::optional<std::int64_t> oldest;
        if (retain_) oldest = ms_since_1970(clock_()) - retain_->count();
        return store_.maintain(oldest) ? milliseconds(0) : between_looks;
    } catch (const Error& error) {
        warn("the event store can't be tidied up", error, warned_of_upkeep_);
    } catch (const std::bad_alloc&) {  // later, then
    }
    return between_looks;
}

void StoreSink::finish() {
    try {
        write_refusals();
    } catch (const Error& error) {
        diagnostics_.warning(fmt::format("refused requests were not counted: {}", error.what()),
                             error.hint());
    }
}

void StoreSink::note_refusals(const std::map<std::string, std::uint64_t, std::less<>>& by_reason) {
    const std::lock_guard lock(mutex_);
    if (refusals_ != by_reason) refusals_ = by_reason;
}

void StoreSink::write_refusals() {
    std::map<std::string, std::uint64_t, std::less<>> now;
    {
        const std::lock_guard lock(mutex_);
        now = refusals_;
    }
    std::map<std::string, std::uint64_t> more;
    for (const auto& [reason, count] : now) {
        const auto before = refusals_written_[reason];
        if (count > before) more[reason] = count - before;
    }
    if (more.empty()) return;
    store_.add_refusals(std::chrono::floor<std::chrono::hours>(clock_()).time_since_epoch().count(),
                        more);
    refusals_written_ = std::move(now);
}

}  // namespace pwh::receiver
