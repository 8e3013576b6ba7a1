// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "settings/letters.hpp"
#include "settings/properties.hpp"

using pwh::settings::parse_properties;
using pwh::settings::Properties;
using pwh::settings::PropertiesError;

namespace {

std::string base64_decode(const std::string& encoded) {
    static const std::string digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string decoded;
    unsigned bits = 0;
    unsigned count = 0;
    for (const char c : encoded) {
        if (c == '=') break;
        bits = (bits << 6U | static_cast<unsigned>(digits.find(c))) & 0xFFFFFFU;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        decoded += static_cast<char>(bits >> count & 0xFFU);
    }
    return decoded;
}

std::optional<Properties> try_parse(const std::string& text) {
    try {
        return parse_properties(text);
    } catch (const PropertiesError&) {
        return std::nullopt;
    }
}

/// The error that a text leads to, as `LINE: MESSAGE`.
std::string error_of(const std::string& text) {
    try {
        parse_properties(text);
    } catch (const PropertiesError& error) {
        return std::to_string(error.line()) + ": " + error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("properties: every file of the corpus is read as configparser reads it") {
    std::ifstream file(PWH_TEST_DATA "/properties_corpus.json");
    const auto corpus = nlohmann::json::parse(file);
    REQUIRE(corpus.size() >= 150);
    std::size_t accepted = 0;
    for (const auto& item : corpus) {
        const auto text = base64_decode(item["text"]);
        CAPTURE(text);
        std::optional<Properties> expected;
        if (!item["sections"].is_null()) expected = item["sections"].get<Properties>();
        if (expected) ++accepted;
        CHECK(try_parse(text) == expected);
    }
    CHECK(accepted > corpus.size() / 4);
    CHECK(accepted < corpus.size() * 3 / 4);
}

TEST_CASE("properties: an error says in which line and why, and quotes no value") {
    CHECK(error_of("server=hidden\n") == "1: there is no [section] above the first key");
    CHECK(error_of("# c\r\n\r\nserver=hidden") == "3: there is no [section] above the first key");
    CHECK(error_of("[a]\nx=1\n\nhidden\n") == "4: there is no '=' or ':' in the line");
    CHECK(error_of("[a]\n=hidden\n") == "2: there is no key before '=' or ':'");
    CHECK(error_of("[a]\rPassword=hidden\r[b]\rz=1\r[a]\r") == "5: section [a] is there already");
    CHECK(error_of("[a]\nPassword=hidden\npassword=hidden\n") ==
          "3: key password is there already in [a]");
    CHECK(error_of("[DEFAULT]\nx=1\n[a]\nx=1\n[DEFAULT]\nx=1\n") ==
          "6: key x is there already in [DEFAULT]");
    CHECK(error_of("[a]\nx=1\n# \xE9\n") == "3: the text is not UTF-8");
    CHECK(error_of("[a]\nx=1\n") == "no error");
}

TEST_CASE("properties: what pyPreservica users have in their files") {
    const auto properties = parse_properties(
        "[credentials]\n"
        "username=me@example.org\n"
        "password = p%40=;#\"q\" \n"
        "twoFactorToken: ABC\n"
        "secret.key = 0123\n"
        "# password = old\n"
        "\n"
        "[sandbox]\n"
        "username=other\n");
    CHECK(properties == Properties{{"credentials",
                                    {{"username", "me@example.org"},
                                     {"password", "p%40=;#\"q\""},
                                     {"twofactortoken", "ABC"},
                                     {"secret.key", "0123"}}},
                                   {"sandbox", {{"username", "other"}}}});
}

TEST_CASE("letters: white space and case follow Python's str") {
    using namespace pwh::settings;
    CHECK(strip("\u3000 x y\u00A0\x1F\n") == "x y");
    CHECK(strip("\u200Bx\u200B") == "\u200Bx\u200B");
    CHECK(strip(" \u2029 ").empty());
    CHECK(strip_end(" x\u0085") == " x");
    CHECK(indentation("\u00A0\t\u3000x ") == 3);
    CHECK(indentation("x") == 0);
    CHECK(indentation("") == 0);
    CHECK(lower("AZ[Ü×Ž") == "az[ü×ž");
    CHECK(lower("Σ ΣΑΣ ΣΑ") == "σ σας σα");
}
