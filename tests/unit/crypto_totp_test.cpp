// SPDX-License-Identifier: Apache-2.0
#include "crypto/totp.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "base/error.hpp"
#include "crypto/crypto.hpp"
#include "text/hex.hpp"

using namespace pwh;
using crypto::Totp;

namespace {

/// "12345678901234567890", the key of RFC 6238's vectors.
constexpr auto rfc_seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

WallTime at(std::int64_t seconds) {
    return WallTime(std::chrono::seconds(seconds));
}

}  // namespace

TEST_CASE("codes are those of RFC 6238, appendix B, in 6 digits") {
    const auto totp = Totp::from_seed(rfc_seed);
    REQUIRE(totp);
    CHECK(totp->code(at(59)) == "287082");
    CHECK(totp->code(at(1111111109)) == "081804");
    CHECK(totp->code(at(1111111111)) == "050471");
    CHECK(totp->code(at(1234567890)) == "005924");
    CHECK(totp->code(at(2000000000)) == "279037");
}

TEST_CASE("a seed may be written as authenticator apps show it") {
    for (const char* seed :
         {"gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
          "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====", " GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ "}) {
        CAPTURE(seed);
        const auto totp = Totp::from_seed(seed);
        REQUIRE(totp);
        CHECK(totp->code(at(59)) == "287082");
    }
    const auto unpadded = Totp::from_seed("MZXW6YQ");
    const auto padded = Totp::from_seed("MZXW6YQ=");
    REQUIRE(unpadded);
    REQUIRE(padded);
    CHECK(unpadded->code(at(59)) == padded->code(at(59)));
}

TEST_CASE("what is no base32 is no seed") {
    for (const char* seed :
         {"", "   ", "====", "GEZD1NBV", "GEZD0NBV", "GEZD-GNBV", "GE=ZD", "287082\n"}) {
        CAPTURE(seed);
        CHECK_FALSE(Totp::from_seed(seed));
    }
}

TEST_CASE("a code is taken in its own step and in both neighbours") {
    const auto totp = Totp::from_seed(rfc_seed);
    REQUIRE(totp);
    const auto code = totp->code(at(1'000'000'020));  // a step's first second
    CHECK(totp->verify(code, at(1'000'000'020)) == 33'333'334);
    CHECK(totp->verify(code, at(1'000'000'049)) == 33'333'334);
    CHECK(totp->verify(code, at(1'000'000'079)) == 33'333'334);
    CHECK(totp->verify(code, at(999'999'990)) == 33'333'334);
    CHECK_FALSE(totp->verify(code, at(1'000'000'080)));
    CHECK_FALSE(totp->verify(code, at(999'999'989)));
}

TEST_CASE("what is not the code is refused") {
    const auto totp = Totp::from_seed(rfc_seed);
    REQUIRE(totp);
    for (const char* code : {"", "287083", "28708", "2870820", "94287082", " 287082"}) {
        CAPTURE(code);
        CHECK_FALSE(totp->verify(code, at(59)));
    }
    CHECK(totp->verify("287082", at(0)) == 1);
    CHECK_FALSE(totp->verify("287082", at(-61)));
    CHECK_THROWS_AS(totp->code(at(-1)), Error);
}

TEST_CASE("SHA-1 is that of FIPS 180") {
    CHECK(text::to_hex(crypto::sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(text::to_hex(crypto::sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}
