// SPDX-License-Identifier: Apache-2.0
#include "crypto/crypto.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "text/hex.hpp"

using namespace pwh::crypto;
using pwh::text::to_hex;

namespace {

struct HmacVector {
    std::string key;
    std::string data;
    std::string code;
};

std::string counting(int from, int to) {
    std::string bytes;
    for (int byte = from; byte <= to; ++byte) bytes += static_cast<char>(byte);
    return bytes;
}

// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation).
const std::vector<HmacVector>& rfc4231() {
    static const std::vector<HmacVector> vectors{
        {std::string(20, '\x0b'), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {counting(0x01, 0x19), std::string(50, '\xcd'),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {std::string(131, '\xaa'),
         "This is a test using a larger than block-size key and a larger than block-size data. "
         "The key needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    return vectors;
}

}  // namespace

TEST_CASE("hmac: the vectors of RFC 4231, each three times on one object") {
    for (const auto& [key, data, code] : rfc4231()) {
        HmacSha256 hmac(key);
        for (int time = 0; time < 3; ++time) CHECK(to_hex(hmac({data})) == code);
        const auto middle = data.size() / 2;
        CHECK(to_hex(hmac({data.substr(0, middle), {}, data.substr(middle)})) == code);
        hmac({"something else"});
        CHECK(to_hex(hmac({data})) == code);
    }
}

TEST_CASE("hmac: an empty key and an empty message") {
    static constexpr auto code = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    HmacSha256 hmac("");
    CHECK(to_hex(hmac({})) == code);
    CHECK(to_hex(hmac({std::string_view{}})) == code);
    CHECK(to_hex(HmacSha256(std::string_view{})({""})) == code);
    CHECK(to_hex(hmac({"The quick brown fox jumps over the lazy dog"})) ==
          "fb011e6154a19b9a4c767373c305275a5a69e8b68b0b4c9200c383dced19a416");
    // Making one object must not touch the key of another.
    HmacSha256 jefe("Jefe");
    CHECK(to_hex(hmac({})) == code);
}

TEST_CASE("hmac: a moved object keeps its key") {
    HmacSha256 first("Jefe");
    HmacSha256 second(std::move(first));
    CHECK(to_hex(second({rfc4231()[1].data})) == rfc4231()[1].code);
    HmacSha256 third("other");
    third = std::move(second);
    CHECK(to_hex(third({rfc4231()[1].data})) == rfc4231()[1].code);
}

TEST_CASE("sha256: the vectors of FIPS 180") {
    CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(to_hex(sha256("abc")) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(to_hex(sha256(std::string(1000000, 'a'))) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: each thread has its own state") {
    std::string other;
    std::thread([&other] { other = to_hex(sha256("abc")); }).join();
    CHECK(other == to_hex(sha256("abc")));
}

TEST_CASE("random_bytes: fills everything, differently each time") {
    std::array<unsigned char, 32> first{};
    std::array<unsigned char, 32> second{};
    random_bytes(first);
    random_bytes(second);
    CHECK(first != second);
    CHECK(first != std::array<unsigned char, 32>{});
    random_bytes({});
}

TEST_CASE("equal_constant_time: equal means same length and same bytes") {
    const std::array<unsigned char, 4> a{1, 2, 3, 4};
    const std::array<unsigned char, 4> same{1, 2, 3, 4};
    const std::array<unsigned char, 4> last{1, 2, 3, 5};
    const std::array<unsigned char, 4> first{0, 2, 3, 4};
    CHECK(equal_constant_time(a, same));
    CHECK_FALSE(equal_constant_time(a, last));
    CHECK_FALSE(equal_constant_time(a, first));
    CHECK_FALSE(equal_constant_time(a, std::span(a).first(3)));
    CHECK(equal_constant_time({}, {}));
}

TEST_CASE("wipe: leaves nothing in the string's memory") {
    std::string secret(40, 's');
    const char* memory = secret.data();
    const std::size_t size = secret.size();
    wipe(secret);
    CHECK(secret.empty());
    REQUIRE(secret.capacity() >= size);
    CHECK(secret.data() == memory);
    secret.resize(0);
    // The string still owns `size` bytes there; its own terminator is the only one it wrote.
    for (std::size_t i = 0; i < size; ++i) CHECK(memory[i] == '\0');
}
