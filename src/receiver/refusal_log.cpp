// SPDX-License-Identifier: Apache-2.0
#include "receiver/refusal_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pwh::receiver {

namespace {

struct Wording {
    std::string_view reason;  ///< the word for counts
    std::string_view text;
};

Wording wording_of(net::Refusal refusal) {
    switch (refusal) {
        case net::Refusal::framing:
            return {"malformed", "it is no HTTP, or could be read in two ways (400)"};
        case net::Refusal::version:
            return {"version", "its HTTP version is not 1.0 or 1.1 (505)"};
        case net::Refusal::head_too_large:
            return {"too-large", "its header is too large (431)"};
        case net::Refusal::body_too_large:
            return {"too-large", "its body is over --max-body (413)"};
        case net::Refusal::no_room:
            return {"overload", "too many bytes are in hand (503)"};
        case net::Refusal::timeout:
            return {"timeout", "it did not arrive in time (408)"};
        case net::Refusal::connections:
            return {"connections", "there are too many connections (503)"};
    }
    return {"other", "it was refused"};
}

}  // namespace

bool RefusalLog::has_room(std::chrono::steady_clock::time_point now) {
    if (filled_ != std::chrono::steady_clock::time_point{}) {
        const std::chrono::duration<double> passed = now - filled_;
        room_ = std::min(burst, room_ + passed.count() * per_second);
    }
    filled_ = now;
    return room_ >= 1;
}

void RefusalLog::refused(std::string_view reason, std::string_view text,
                         std::chrono::steady_clock::time_point now) {
    count(reason, 1);
    if (!has_room(now)) {
        ++left_out_;
        return;
    }
    room_ -= 1;
    diagnostics_.warning(text);
}

void RefusalLog::refused(net::Refusal refusal, const std::string& peer,
                         std::chrono::steady_clock::time_point now) {
    const auto [reason, text] = wording_of(refusal);
    refused(reason, fmt::format("refused a request from {}: {}", peer, text), now);
}

void RefusalLog::count(std::string_view reason, std::uint64_t requests) {
    if (requests == 0) return;
    const auto found = counts_.find(reason);
    (found != counts_.end() ? found : counts_.emplace(reason, 0).first)->second += requests;
}

void RefusalLog::tick(std::chrono::steady_clock::time_point now) {
    if (left_out_ == 0 || !has_room(now)) return;
    room_ -= 1;
    diagnostics_.warning(
        fmt::format("{} more refusals were not logged", std::exchange(left_out_, 0)));
}

}  // namespace pwh::receiver
