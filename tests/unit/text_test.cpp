// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>

#include "text/hex.hpp"
#include "text/percent.hpp"
#include "text/table.hpp"
#include "text/time.hpp"
#include "text/utf8.hpp"

using namespace pwh::text;

TEST_CASE("hex: writes lower case, reads either") {
    const std::array<unsigned char, 4> bytes{0x00, 0x9A, 0xBC, 0xFF};
    CHECK(to_hex(bytes) == "009abcff");
    CHECK(to_hex({}).empty());
    std::array<unsigned char, 4> read{};
    CHECK(from_hex("009AbcFF", read));
    CHECK(read == bytes);
    for (const auto* bad :
         {"", "009abcf", "009abcff0", "009abcfg", "009abc f", "+09abcff", "0x9abcff"}) {
        CAPTURE(bad);
        CHECK_FALSE(from_hex(bad, read));
    }
}

TEST_CASE("form_decode: decodes once, and nothing malformed") {
    CHECK(form_decode("") == "");
    CHECK(form_decode("a+b%20c") == "a b c");
    CHECK(form_decode("%2B%2b%25") == "++%");
    CHECK(form_decode("%2541") == "%41");
    CHECK(form_decode("%00%ff") == std::string("\0\xFF", 2));
    CHECK(form_decode("a=b&c") == "a=b&c");
    for (const auto* bad : {"%", "a%", "%4", "%4g", "%g4", "%%41", "%+4", "% 4", "%-1", "%0x"}) {
        CAPTURE(bad);
        CHECK_FALSE(form_decode(bad).has_value());
    }
}

TEST_CASE("form_encode: is undone by form_decode for every byte") {
    CHECK(form_encode("az AZ09-._*") == "az+AZ09-._*");
    CHECK(form_encode("a+b&c=d%~ü/") == "a%2Bb%26c%3Dd%25%7E%C3%BC%2F");
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    CHECK(form_decode(form_encode(all)) == all);
}

TEST_CASE("parse_form: keeps order, repeats and what does not decode") {
    CHECK(parse_form("").empty());
    CHECK(parse_form("&&").empty());
    CHECK(parse_form("a=1&b&a=2=3&=4&c=") ==
          FormFields{{"a", "1"}, {"b", ""}, {"a", "2=3"}, {"", "4"}, {"c", ""}});
    CHECK(parse_form("%61+b=%zz&x%=1") == FormFields{{"a b", "%zz"}, {"x%", "1"}});
    const FormFields fields{{"user name", "a&b"}, {"p=w", "ü+"}};
    CHECK(encode_form(fields) == "user+name=a%26b&p%3Dw=%C3%BC%2B");
    CHECK(parse_form(encode_form(fields)) == fields);
}

TEST_CASE("utf8: only well-formed text is UTF-8") {
    for (const auto* good : {"", "abc", "\u0080", "\u07FF", "\u0800", "\uD7FF", "\uE000", "\uFFFF",
                             "\U00010000", "\U0010FFFF", "Zürich 日本 😀"}) {
        CAPTURE(good);
        CHECK(is_utf8(good));
    }
    CHECK(is_utf8(std::string_view("\0", 1)));
    for (const auto* bad : {"\x80",
                            "\xBF",
                            "\xC0\x80",
                            "\xC0\xAF",
                            "\xC1\xBF",
                            "\xC2",
                            "\xC2\x41",
                            "\xE0\x80\xAF",
                            "\xE0\x9F\xBF",
                            "\xE2\x82",
                            "\xE2\x82\x41",
                            "\xED\xA0\x80",
                            "\xED\xBF\xBF",
                            "\xF0\x80\x80\xAF",
                            "\xF0\x8F\xBF\xBF",
                            "\xF0\x9F\x98",
                            "\xF4\x90\x80\x80",
                            "\xF5\x80\x80\x80",
                            "\xFE",
                            "\xFF",
                            "a\xE9z"}) {
        CAPTURE(bad);
        CHECK_FALSE(is_utf8(bad));
    }
    CHECK(utf8_sequence("a\u20ACz", 1) == 3);
    CHECK(utf8_sequence("a\u20ACz", 2) == 0);
}

TEST_CASE("utf8_to_latin1: only where every character fits") {
    CHECK(utf8_to_latin1("") == "");
    CHECK(utf8_to_latin1("Zürich\u0080\u00FF") == "Z\xFCrich\x80\xFF");
    CHECK_FALSE(utf8_to_latin1("\u0100").has_value());
    CHECK_FALSE(utf8_to_latin1("\u20AC").has_value());
    CHECK_FALSE(utf8_to_latin1("Z\xFCrich").has_value());
}

TEST_CASE("printable: nothing that could drive a terminal comes through") {
    CHECK(printable("Zürich\t日本 😀") == "Zürich\t日本 😀");
    CHECK(printable("a\nb\rc\x1B[31m\x7F") == "a\\x0ab\\x0dc\\x1b[31m\\x7f");
    CHECK(printable(std::string_view("\0", 1)) == "\\x00");
    CHECK(printable("\u009B31m") == "\\x9b31m");
    CHECK(printable("a\xFF\xC3z") == "a\\xff\\xc3z");
    CHECK(printable("\u202Eabc\u2066") == "\\u202eabc\\u2066");
}

TEST_CASE("display_width: columns on a terminal") {
    CHECK(display_width("") == 0);
    CHECK(display_width("abc") == 3);
    CHECK(display_width("Zürich") == 6);
    CHECK(display_width("u\u0308") == 1);
    CHECK(display_width("日本") == 4);
    CHECK(display_width("ｶﾅ") == 2);
    CHECK(display_width("한글") == 4);
    CHECK(display_width("😀") == 2);
    CHECK(display_width("a\u200Bb") == 2);
    CHECK(display_width("\xFF") == 1);
}

TEST_CASE("render_table: columns line up whatever is in them") {
    CHECK(render_table({"A", "B"}, {}, 0).empty());
    CHECK(render_table({"ID", "URL"}, {{"1", "u"}, {"12345", "v"}}, 0) ==
          "ID     URL\n"
          "1      u\n"
          "12345  v\n");
    CHECK(render_table({"N", "X"}, {{"日本", "1"}, {"u\u0308", "2"}, {"abcd", "3"}}, 0) ==
          "N     X\n"
          "日本  1\n"
          "u\u0308     2\n"
          "abcd  3\n");
    CHECK(render_table({"N", "X"}, {{"a\nb\x1B", "1"}, {"a\tb", "2"}}, 0) ==
          "N           X\n"
          "a\\x0ab\\x1b  1\n"
          "a\\x09b      2\n");
}

TEST_CASE("render_table: the widest column gives way on a narrow terminal") {
    const Row header{"ID", "URL"};
    CHECK(render_table(header, {{"1", "https://hooks.example.org/a"}}, 31) ==
          "ID  URL\n"
          "1   https://hooks.example.org/a\n");
    CHECK(render_table(header, {{"1", "https://hooks.example.org/a"}}, 20) ==
          "ID  URL\n"
          "1   https://hooks.e…\n");
    CHECK(render_table(header, {{"1", "日本日本日本日本日本"}}, 14) ==
          "ID  URL\n"
          "1   日本日本…\n");
    CHECK(render_table({"N", "X", "Y"}, {{"1", "日本日本日本日本", "1"}}, 16) ==
          "N  X           Y\n"
          "1  日本日本…   1\n");
    CHECK(render_table(header,
                       {{"1", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301z"}},
                       12) ==
          "ID  URL\n"
          "1   e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301…\n");
    CHECK(render_table(header, {{"1", "https://hooks.example.org/a"}}, 1) ==
          "ID  URL\n"
          "1   https:/…\n");
}

TEST_CASE("render_table: the first column is shortened last") {
    const Row header{"ID", "TRIGGER", "URL"};
    const std::string id = "0123456789abcdef0123456789abcdef";
    for (const unsigned columns : {52U, 60U, 80U, 200U}) {
        CAPTURE(columns);
        const auto table = render_table(
            header, {{id, "FULL_TEXT_INDEXED", "https://hooks.example.org/a"}}, columns);
        CHECK(table.find('\n' + id + "  ") != std::string::npos);
    }
    CHECK(render_table(header, {{id, "MOVED", "https://hooks.example.org/a"}}, 52) ==
          "ID                                TRIGGER  URL\n" + id + "  MOVED    https://…\n");
    CHECK(render_table(header, {{id, "MOVED", "https://hooks.example.org/a"}}, 40) ==
          "ID                     TRIGGER  URL\n" + id.substr(0, 20) + "…  MOVED    https:/…\n");
    CHECK(render_table({"ID"}, {{id}}, 10) == "ID\n" + id + '\n');
}

TEST_CASE("render_table: ASCII stays ASCII where the terminal has no UTF-8") {
    CHECK(render_table({"ID", "URL"}, {{"1", "https://hooks.example.org/a"}}, 20, false) ==
          "ID  URL\n"
          "1   https://hooks...\n");
    CHECK(render_table({"ID", "URL"}, {{"1", "日本日本日本日本日本"}}, 14, false) ==
          "ID  URL\n"
          "1   日本日...\n");
}

TEST_CASE("render_tsv: one line a row, whatever is in the cells") {
    CHECK(render_tsv({}).empty());
    CHECK(render_tsv({{"a", "", "c"}, {"d"}}) == "a\t\tc\nd\n");
    CHECK(render_tsv({{"t\tb", "n\nr\r", "\\t", "ü"}}) == "t\\tb\tn\\nr\\r\t\\\\t\tü\n");
}

TEST_CASE("time: RFC 3339 in UTC with milliseconds") {
    using namespace std::chrono;
    const pwh::WallTime moment{milliseconds(1795453445678)};
    CHECK(rfc3339(moment) == "2026-11-23T17:04:05.678Z");
    CHECK(rfc3339(moment + microseconds(999)) == "2026-11-23T17:04:05.678Z");
    CHECK(rfc3339(pwh::WallTime{}) == "1970-01-01T00:00:00.000Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(-1)}) == "1969-12-31T23:59:59.999Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(999)}) == "1970-01-01T00:00:00.999Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(1000)}) == "1970-01-01T00:00:01.000Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(-1000)}) == "1969-12-31T23:59:59.000Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(-1001)}) == "1969-12-31T23:59:58.999Z");
    CHECK(rfc3339(pwh::WallTime{milliseconds(1'795'453'445'001)}) == "2026-11-23T17:04:05.001Z");
    CHECK(rfc3339(pwh::WallTime{seconds(951782400)}) == "2000-02-29T00:00:00.000Z");
}

TEST_CASE("time: the date of an HTTP header") {
    using namespace std::chrono;
    CHECK(http_date(pwh::WallTime{seconds(784111777)}) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_date(pwh::WallTime{milliseconds(784111777999)}) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_date(pwh::WallTime{}) == "Thu, 01 Jan 1970 00:00:00 GMT");
}
