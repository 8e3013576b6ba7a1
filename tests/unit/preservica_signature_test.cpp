// SPDX-License-Identifier: Apache-2.0
#include "preservica/signature.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error.hpp"
#include "text/percent.hpp"

using namespace pwh::preservica;

namespace {

// The digests in this file were computed with Python's hmac module.
constexpr auto secret = "0123456789abcdef0123456789abcdef";
constexpr auto published_message =
    R"({"subscriptionId":"9495ddbf7d4a0b9f030a3411c87f967d","timestamp":"2023-10-11T10:52:42.469",)"
    R"("tenant":"BRAMA","version":"6.10","events":[{"event":"FullTextIndexed","entityType":"IO",)"
    R"("entityRef":"7fdea7e0-1e72-4fb1-aadb-d7f9ee6ed8c2","identifiers":[]}],)"
    R"("trigger":"FULL_TEXT_INDEXED"})";

bool verifies(std::string_view body, std::string_view hex) {
    const auto signature = parse_signature(hex);
    REQUIRE(signature);
    return Signer(secret).verify_event(body, *signature);
}

std::string upper(std::string text) {
    for (auto& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

}  // namespace

TEST_CASE("events are signed over the prefix and the body's bytes") {
    Signer signer(secret);
    CHECK(signer.sign_event(published_message) ==
          "48ffd8485c27edf4b0c7d31d575c6f96da95fb7f83142dc372f30bd001873d83");
    CHECK(signer.sign_event("") ==
          "4f9fd5f3dd9cec4a4cab2a60444d82e6c2f4dd63314994c7081fd6f0dbe3dc69");
    using namespace std::string_view_literals;
    CHECK(signer.sign_event("\x00\xff{\"a\":1}\r\n"sv) ==
          "781e768314fe3a66c619b728e4af86f7ef9ffd291a3b3158d8279861f396d28b");
    CHECK(Signer("Jefe").sign_event("what do ya want for nothing?") ==
          "6587621e96f2474d322a73171726804b2c413d2b8f7195652e5e3e74c2fd7231");
}

TEST_CASE("a signature verifies in either case, and for these bytes only") {
    const std::string right = "48ffd8485c27edf4b0c7d31d575c6f96da95fb7f83142dc372f30bd001873d83";
    CHECK(verifies(published_message, right));
    CHECK(verifies(published_message, upper(right)));
    CHECK_FALSE(verifies(std::string(published_message) + " ", right));
    CHECK_FALSE(verifies("", right));
    for (std::size_t i = 0; i < right.size(); ++i) {
        auto wrong = right;
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        CHECK_FALSE(verifies(published_message, wrong));
    }
    CHECK_FALSE(Signer("another secret").verify_event(published_message, *parse_signature(right)));
}

TEST_CASE("a body that both sides could encode in Latin-1 verifies in either form") {
    const std::string body = "{\"tenant\":\"Zürich\"}";
    CHECK(verifies(body, "cd7d87c9a3cae3f1aca651e85b18e22a099857f5b7d2738b398f22c4f0b91290"));
    CHECK(verifies(body, "f9d88d83d2f20a449952fbe000b0f4c56ee63ce2104c87556bfa0c4b6ce1c87d"));
    CHECK_FALSE(verifies("{\"tenant\":\"Zurich\"}",
                         "f9d88d83d2f20a449952fbe000b0f4c56ee63ce2104c87556bfa0c4b6ce1c87d"));
    CHECK(verifies("{\"tenant\":\"Łódź\"}",
                   "c858aacb95ebb403e8ac3b0dcd03fa6c8b18b073cd1812bf2be5914b0e1443af"));
    CHECK_FALSE(verifies("{\"tenant\":\"Łódź\"}",
                         "f9d88d83d2f20a449952fbe000b0f4c56ee63ce2104c87556bfa0c4b6ce1c87d"));
    CHECK_FALSE(
        verifies("\xff\xfe", "f9d88d83d2f20a449952fbe000b0f4c56ee63ce2104c87556bfa0c4b6ce1c87d"));
}

TEST_CASE("a signature is 64 hex digits and nothing else") {
    const std::string good(64, 'a');
    CHECK(parse_signature(good));
    for (const auto& bad :
         {std::string(), std::string(63, 'a'), std::string(65, 'a'), good + " ", " " + good,
          std::string(63, 'a') + "g", "sha256=" + good, "0x" + good, good + good}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_signature(bad));
    }
}

TEST_CASE("challenges are answered over the code alone") {
    Signer signer(secret);
    CHECK(signer.answer_challenge("5f3c9a70-challenge") ==
          "2368b0c78b2f3404b8b25ab408023cc7b44b2357036d0e05f49518bcfbfd7362");
    CHECK(signer.answer_challenge(std::string(256, 'x')) ==
          "e2926db8c0d51ec791fc30a4e88259191fe3060906543e709a1b7bed720738be");
    CHECK(challenge_answer("CODE\"\\", "00ff") ==
          R"({"challengeCode":"CODE\"\\","challengeResponse":"00ff"})");
}

TEST_CASE("a code that would make the handshake an oracle is never signed") {
    Signer signer(secret);
    // As they stand in a query; the receiver decodes them once.
    for (const char* encoded :
         {"preservica-webhook-auth", "preservica-webhook-auth%7B%22events%22%3A%5B%5D%7D",
          "%70reservica-webhook-auth{}", "preservica%2Dwebhook%2dauth{}",
          "%70%72%65%73%65%72%76%69%63%61%2D%77%65%62%68%6F%6F%6B%2D%61%75%74%68"}) {
        CAPTURE(encoded);
        const auto code = pwh::text::form_decode(encoded);
        REQUIRE(code);
        CHECK(code->starts_with(event_prefix));
        CHECK_FALSE(is_signable(*code));
        CHECK_THROWS_AS(signer.answer_challenge(*code), pwh::Error);
    }
}

TEST_CASE("a code is 1 to 256 visible ASCII characters") {
    CHECK(is_signable("a"));
    CHECK(is_signable("!~"));
    CHECK(is_signable(std::string(256, 'x')));
    // No event's signature can be over these: they are signed as they stand.
    CHECK(is_signable("%70reservica-webhook-auth{}"));
    CHECK(is_signable("preservica-webhook-aut"));
    CHECK(is_signable("xpreservica-webhook-auth"));
    using namespace std::string_view_literals;
    for (const auto bad : {""sv, " "sv, "a b"sv, "a\n"sv, "a\0"sv, "\0preservica-webhook-auth"sv,
                           " preservica-webhook-auth"sv, "a\x7f"sv, "\xc3\xa9"sv, "\x80"sv}) {
        CHECK_FALSE(is_signable(bad));
        CHECK_THROWS_AS(Signer(secret).answer_challenge(bad), pwh::Error);
    }
    CHECK_FALSE(is_signable(std::string(257, 'x')));
}

TEST_CASE("generated secrets are strong and never the same") {
    const auto first = generate_secret();
    CHECK(first.size() == 64);
    CHECK(std::all_of(first.begin(), first.end(),
                      [](unsigned char c) { return std::isdigit(c) || (c >= 'a' && c <= 'f'); }));
    CHECK(first != generate_secret());
    CHECK_FALSE(secret_weakness(first));
}

TEST_CASE("weak secrets are named as such") {
    CHECK(*secret_weakness("") == "the secret is empty");
    CHECK(secret_weakness("fifteen bytes..")->starts_with("the secret is shorter than 16 bytes"));
    CHECK_FALSE(secret_weakness("sixteen bytes..."));
}
