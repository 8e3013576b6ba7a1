// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "net/request_parser.hpp"
#include "receiver/challenge.hpp"
#include "receiver/judgement.hpp"
#include "receiver/repeat_window.hpp"

using pwh::receiver::Challenge;
using pwh::receiver::find_challenge;
using pwh::receiver::judge;
using pwh::receiver::Judgement;
using pwh::receiver::RepeatWindow;
using pwh::receiver::Rules;

namespace {

const std::string hex64(64, 'a');

Judgement judge_text(const std::string& request_line, const std::string& fields = {},
                     const Rules& rules = {}) {
    pwh::net::RequestParser parser({});
    std::size_t used = 0;
    const auto text = request_line + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
    REQUIRE(parser.feed(text, used) == pwh::net::RequestParser::Progress::head);
    auto judgement = judge(parser.head(), rules);
    // `why` of an unsigned request is static text; nothing else refers to the parser.
    return judgement;
}

std::string percent(const std::string& text, bool upper = true) {
    std::string out;
    for (const char c : text) {
        const char* const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
    return out;
}

}  // namespace

TEST_CASE("a challenge is found and decoded once") {
    CHECK(find_challenge("").kind == Challenge::Kind::none);
    CHECK(find_challenge("a=1&b").kind == Challenge::Kind::none);
    CHECK(find_challenge("challengecode=x").kind == Challenge::Kind::none);
    CHECK(find_challenge("challengeCode=abc-123").code == "abc-123");
    CHECK(find_challenge("x=1&challengeCode=%61b%2B&y=2").code == "ab+");
    CHECK(find_challenge("challenge%43ode=abc").code == "abc");
    CHECK(find_challenge("challengeCode=" + std::string(256, 'x')).kind ==
          Challenge::Kind::signable);
    // Decoded once only: what is signed is what was checked.
    CHECK(find_challenge("challengeCode=%2541").code == "%41");
}

TEST_CASE("a code that may not be signed is refused") {
    const std::string prefix = "preservica-webhook-auth";
    for (const std::string& value :
         {std::string(), std::string("a+b"), std::string("a%20b"), std::string("%"),
          std::string("%4"), std::string("%zz"), std::string("%00"), std::string("a%0d"),
          std::string("%c3%a9"), std::string(257, 'x'), std::string("%7f"), prefix, prefix + "{}",
          percent(prefix) + "%7B%7D", percent(prefix, false),
          percent(prefix.substr(0, 1)) + prefix.substr(1), prefix.substr(0, 22) + "%68" + "x"}) {
        CAPTURE(value);
        CHECK(find_challenge("challengeCode=" + value).kind == Challenge::Kind::refused);
        CHECK(find_challenge("a=b&challengeCode=" + value + "&c=d").kind ==
              Challenge::Kind::refused);
        CHECK(find_challenge(percent("challengeCode") + "=" + value).kind ==
              Challenge::Kind::refused);
        CHECK(judge_text("POST /?challengeCode=" + value).kind == Judgement::Kind::bad_challenge);
    }
    CHECK(find_challenge("challengeCode").kind == Challenge::Kind::refused);
    CHECK(find_challenge("challengeCode=a&challengeCode=a").kind == Challenge::Kind::refused);
    CHECK(find_challenge("challengeCode=a&x=y&challenge%43ode=b").kind == Challenge::Kind::refused);
    CHECK(find_challenge("challengeCode=" + prefix + "&challengeCode=a").kind ==
          Challenge::Kind::refused);
}

TEST_CASE("the head decides as the table of answers has it") {
    const auto signature = "Preservica-Signature: " + hex64 + "\r\n";
    CHECK(judge_text("POST /any", signature).kind == Judgement::Kind::event);
    CHECK(judge_text("POST /", "preservica-signature:" + hex64 + "  \r\n").kind ==
          Judgement::Kind::event);
    CHECK(judge_text("POST /", "PRESERVICA-SIGNATURE: " + std::string(64, 'A') + "\r\n").kind ==
          Judgement::Kind::event);
    CHECK(judge_text("POST /", signature + signature).kind == Judgement::Kind::event);
    CHECK(judge_text("POST /?challengeCode=x", signature).kind == Judgement::Kind::event);

    CHECK(judge_text("POST /").kind == Judgement::Kind::unsigned_);
    for (const std::string& value :
         {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g'),
          hex64 + "," + hex64, std::string(32, 'a') + " " + std::string(31, 'a'),
          "sha256=" + hex64}) {
        CAPTURE(value);
        CHECK(judge_text("POST /", "Preservica-Signature: " + value + "\r\n").kind ==
              Judgement::Kind::unsigned_);
        CHECK(
            judge_text("POST /?challengeCode=x", "Preservica-Signature: " + value + "\r\n").kind ==
            Judgement::Kind::handshake);
    }
    CHECK(judge_text("POST /", signature + "Preservica-Signature: " + std::string(64, 'b') + "\r\n")
              .kind == Judgement::Kind::unsigned_);

    CHECK(judge_text("POST /p?challengeCode=x").kind == Judgement::Kind::handshake);
    CHECK(judge_text("POST http://h/p?challengeCode=x").kind == Judgement::Kind::handshake);
    CHECK(judge_text("POST /p?challengeCode=x", {}, {"", false}).kind ==
          Judgement::Kind::bad_challenge);
    CHECK(judge_text("GET /?challengeCode=x").kind == Judgement::Kind::wrong_method);
    CHECK(judge_text("PUT /", signature).kind == Judgement::Kind::wrong_method);

    const Rules rules{"/hook", true};
    CHECK(judge_text("POST /hook?a=b", signature, rules).kind == Judgement::Kind::event);
    CHECK(judge_text("POST /hook/", signature, rules).kind == Judgement::Kind::wrong_path);
    CHECK(judge_text("POST http://h/hook", signature, rules).kind == Judgement::Kind::event);
    CHECK(judge_text("GET /other", {}, rules).kind == Judgement::Kind::wrong_path);
    CHECK(judge_text("GET /healthz", {}, rules).kind == Judgement::Kind::health);
    CHECK(judge_text("HEAD /healthz").kind == Judgement::Kind::health);
    CHECK(judge_text("DELETE /healthz", {}, rules).kind == Judgement::Kind::wrong_method);
}

TEST_CASE("the window remembers at least its capacity, and forgets in the end") {
    RepeatWindow window(1000);
    const auto id = [](unsigned n) { return pwh::crypto::sha256(std::to_string(n)); };
    for (unsigned n = 0; n < 10'000; ++n) {
        REQUIRE_FALSE(window.contains(id(n)));
        window.insert(id(n));
        window.insert(id(n));
        REQUIRE(window.contains(id(n)));
        if (n >= 1000) REQUIRE(window.contains(id(n - 1000)));
    }
    CHECK_FALSE(window.contains(id(0)));
    CHECK_FALSE(window.contains(id(7000)));
    pwh::crypto::Digest zero{};
    CHECK_FALSE(window.contains(zero));
    window.insert(zero);
    CHECK(window.contains(zero));
}
