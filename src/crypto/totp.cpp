// SPDX-License-Identifier: Apache-2.0
#include "crypto/totp.hpp"

#include <liboath/oath.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <ratio>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "crypto/crypto.hpp"

namespace pwh::crypto {

namespace {

constexpr unsigned digits = 6;
constexpr std::int64_t step_seconds = OATH_TOTP_DEFAULT_TIME_STEP_SIZE;
using Steps = std::chrono::duration<std::int64_t, std::ratio<step_seconds>>;

void start_liboath() {
    static const int ready = oath_init();
    if (ready != OATH_OK) throw Error(ExitCode::failure, "liboath cannot be started");
}

std::int64_t step_at(WallTime time) {
    return std::chrono::floor<Steps>(time.time_since_epoch()).count();
}

std::span<const unsigned char> as_bytes(std::string_view text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// The digits alone, in capitals: liboath is left nothing to guess.
std::optional<std::string> plain_base32(std::string_view seed) {
    std::string plain;
    while (seed.ends_with('=') || seed.ends_with(' ')) seed.remove_suffix(1);
    for (const char c : seed) {
        if (c == ' ') continue;
        const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if ((upper < 'A' || upper > 'Z') && (upper < '2' || upper > '7')) return std::nullopt;
        plain += upper;
    }
    if (plain.empty()) return std::nullopt;
    return plain;
}

}  // namespace

std::optional<Totp> Totp::from_seed(std::string_view seed) {
    start_liboath();
    const auto base32 = plain_base32(seed);
    if (!base32) return std::nullopt;
    char* raw = nullptr;
    std::size_t size = 0;
    const int result = oath_base32_decode(base32->data(), base32->size(), &raw, &size);
    if (result != OATH_OK) return std::nullopt;
    const std::unique_ptr<char, void (*)(void*)> owner(raw, std::free);
    if (size == 0) return std::nullopt;
    return Totp(std::string(raw, size));
}

std::string Totp::code(WallTime time) const {
    return code_of_step(step_at(time));
}

WallTime Totp::next_step(WallTime time) {
    return WallTime(Steps(step_at(time) + 1));
}

std::string Totp::code_of_step(std::int64_t step) const {
    std::array<char, digits + 1> code{};
    const auto time = static_cast<std::time_t>(step * step_seconds);
    if (step < 0 ||
        oath_totp_generate(key_.data(), key_.size(), time, step_seconds,
                           OATH_TOTP_DEFAULT_START_TIME, digits, code.data()) != OATH_OK) {
        throw Error(ExitCode::failure, "the code of the second factor cannot be computed",
                    "check the clock, and the seed");
    }
    return {code.data(), digits};
}

std::optional<std::int64_t> Totp::verify(std::string_view code, WallTime time) const {
    const auto now = step_at(time);
    std::optional<std::int64_t> found;
    for (const std::int64_t step : {now, now - 1, now + 1}) {
        if (step < 0) continue;
        const bool same = equal_constant_time(as_bytes(code), as_bytes(code_of_step(step)));
        if (same && !found) found = step;
    }
    return found;
}

}  // namespace pwh::crypto
