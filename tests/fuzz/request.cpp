// SPDX-License-Identifier: Apache-2.0
// What a connection receives: bytes in, decisions out. The first byte chooses the limits and the
// receiver's rules, the second how the rest is cut.
#include "net/request_parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "preservica/signature.hpp"
#include "receiver/judgement.hpp"
#include "require.hpp"
#include "strict_request.hpp"

namespace {

using pwh::fuzz::require;
using pwh::net::Malformed;
using pwh::net::RequestHead;
using pwh::net::RequestParser;
using pwh::receiver::Challenge;
using pwh::receiver::Judgement;
using pwh::receiver::Rules;
using Progress = RequestParser::Progress;

struct Setting {
    RequestParser::Limits limits;
    Rules rules;
};

Setting setting_of(std::uint8_t byte) {
    Setting setting;
    if ((byte & 1U) != 0) setting.limits = {200, 32};
    if ((byte & 2U) != 0) setting.rules.path = "/hook";
    setting.rules.handshake = (byte & 4U) == 0;
    return setting;
}

void check_challenge(const Challenge& challenge) {
    if (challenge.kind != Challenge::Kind::signable) return;
    const auto& code = challenge.code;
    require(!code.empty() && code.size() <= 256, "a code is not too long to be signed");
    require(std::all_of(code.begin(), code.end(), [](char c) { return c >= '!' && c <= '~'; }),
            "a code that is signed is visible ASCII");
    require(!code.starts_with("preservica-webhook-auth"), "a code that is signed signs no event");
}

/// Two values that differ are two signatures; only one of 64 hex digits counts.
bool has_one_signature(const RequestHead& head) {
    std::vector<std::string_view> values;
    head.each_field("preservica-signature",
                    [&](std::string_view value) { values.push_back(value); });
    return !values.empty() &&
           std::all_of(values.begin(), values.end(),
                       [&](std::string_view value) { return value == values.front(); }) &&
           values.front().size() == 64 &&
           values.front().find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

void check_judgement(const RequestHead& head, const Rules& rules, const Judgement& judgement) {
    using Kind = Judgement::Kind;
    check_challenge(judgement.challenge);
    const bool taken = judgement.kind == Kind::event || judgement.kind == Kind::handshake;
    if (taken) {
        require(head.method() == "POST", "only a POST is an event or a handshake");
        require(rules.path.empty() || head.path() == rules.path, "only at the receiver's path");
        require((judgement.kind == Kind::event) == has_one_signature(head),
                "what is signed is an event, and nothing else");
    }
    if (judgement.kind == Kind::handshake) {
        require(judgement.challenge.kind == Challenge::Kind::signable && rules.handshake,
                "only what may be signed is a handshake");
    }
}

/// Feeds pieces to a parser as a connection does.
class Session {
  public:
    explicit Session(const Setting& setting) : setting_(setting), parser_(setting.limits) {}

    /// False once nothing more can come of this connection.
    bool take(std::string_view piece) {
        pending_.append(piece);
        std::size_t used = 0;
        while (!ended_) {
            const auto before = used;
            const auto progress = parser_.feed(pending_, used);
            require(used >= before && used <= pending_.size(), "what is taken is there");
            request_.append(pending_, before, used - before);
            if (progress == Progress::need_more || !on(progress)) break;
            if (progress == Progress::complete && used == pending_.size()) break;
        }
        pending_.erase(0, used);
        require(ended_ || pending_.size() <= std::max<std::size_t>(setting_.limits.head_bytes, 5),
                "no more is kept than a head may have");
        return !ended_;
    }

    /// The heads and the complete requests. Which of several faults is found first, and when, may
    /// depend on the cut.
    const std::string& told() const { return told_; }

  private:
    bool on(Progress progress) {
        switch (progress) {
            case Progress::head:
                on_head();
                return true;
            case Progress::complete:
                on_complete();
                return !ended_;
            case Progress::malformed:
                require(parser_.malformed() != Malformed::none, "what is malformed says why");
                ended_ = true;
                return false;
            case Progress::need_more:
                break;
        }
        return false;
    }

    void on_head() {
        const auto& head = parser_.head();
        require(parser_.head_complete(), "a head is told once it is complete");
        const auto judgement = pwh::receiver::judge(head, setting_.rules);
        check_judgement(head, setting_.rules, judgement);
        wanted_ = judgement.kind == Judgement::Kind::event;
        if (!wanted_) parser_.discard_body();
        fmt::format_to(std::back_inserter(told_), "{} {} {} {} {} {}\n", head.method(),
                       head.target(), head.version(), head.keep_alive(), head.field_count(),
                       static_cast<int>(judgement.kind));
    }

    void on_complete() {
        require(parser_.malformed() == Malformed::none, "nothing malformed is completed");
        require(parser_.body_size() <= setting_.limits.body_bytes, "no body is over its limit");
        require(parser_.body().size() == (wanted_ ? parser_.body_size() : 0),
                "a body is kept where it counts");
        const auto strict = pwh::fuzz::read_strictly(request_);
        require(strict.has_value(), "a strict reader takes what is completed");
        const auto& head = parser_.head();
        require(strict->method == head.method() && strict->target == head.target() &&
                    strict->fields == head.field_count(),
                "a strict reader reads the same head");
        require(strict->body.size() == parser_.body_size() &&
                    (!wanted_ || strict->body == parser_.body()),
                "a strict reader reads the same body");
        fmt::format_to(std::back_inserter(told_), "{} {}\n", parser_.body_size(), parser_.body());
        ended_ = !head.keep_alive();
        if (ended_) return;
        parser_.next();
        request_.clear();
    }

    const Setting& setting_;
    RequestParser parser_;
    std::string pending_;
    std::string request_;  ///< the bytes that were taken for the request under way
    std::string told_;
    bool wanted_ = false;
    bool ended_ = false;
};

std::string whole(const Setting& setting, std::string_view bytes) {
    Session session(setting);
    session.take(bytes);
    return session.told();
}

std::string in_pieces(const Setting& setting, std::string_view bytes, std::size_t longest,
                      std::uint32_t seed) {
    std::minstd_rand random(seed);
    Session session(setting);
    while (!bytes.empty()) {
        const auto size = std::min<std::size_t>(1 + random() % longest, bytes.size());
        if (!session.take(bytes.substr(0, size))) break;
        bytes.remove_prefix(size);
    }
    return session.told();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto setting = setting_of(data[0]);
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto expected = whole(setting, bytes);
    const auto check = [&](const std::string& told) {
        if (told == expected) return;
        fmt::print(stderr, "whole:\n{}\nin pieces:\n{}\n", expected, told);
        require(false, "how the bytes are cut changes nothing");
    };
    check(in_pieces(setting, bytes, 1, 1));
    check(in_pieces(setting, bytes, 8, data[1] + 1U));
    check(in_pieces(setting, bytes, 200, data[1] + 1U));
    return 0;
}
