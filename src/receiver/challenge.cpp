// SPDX-License-Identifier: Apache-2.0
#include "receiver/challenge.hpp"

#include "preservica/signature.hpp"
#include "text/percent.hpp"

namespace pwh::receiver {

namespace {

Challenge refused(std::string_view why) {
    return {Challenge::Kind::refused, {}, why};
}

Challenge judge(std::string_view encoded) {
    auto code = text::form_decode(encoded);
    if (!code) return refused("its percent-encoding is broken");
    if (code->empty()) return refused("it is empty");
    if (code->size() > preservica::max_challenge_length)
        return refused("it is longer than 256 characters");
    if (code->starts_with(preservica::event_prefix)) {
        return refused(
            "it begins like the text that signs events: an attempt to have a forged event signed");
    }
    if (!preservica::is_signable(*code))
        return refused("it has characters other than visible ASCII");
    return {Challenge::Kind::signable, std::move(*code), {}};
}

}  // namespace

Challenge find_challenge(std::string_view query) {
    Challenge found;
    bool seen = false;
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        const auto equals = pair.find('=');
        const auto name = text::form_decode(pair.substr(0, equals));
        if (name != preservica::challenge_parameter) continue;
        if (seen) return refused("there is more than one");
        seen = true;
        found =
            judge(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    }
    return found;
}

}  // namespace pwh::receiver
