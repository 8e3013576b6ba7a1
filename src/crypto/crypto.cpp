// SPDX-License-Identifier: Apache-2.0
#include "crypto/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/error.hpp"

namespace pwh::crypto {

namespace {

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

[[noreturn]] void fail(const char* what) {
    throw Error(ExitCode::failure, std::string("OpenSSL cannot compute ") + what);
}

}  // namespace

struct HmacSha256::State {
    std::unique_ptr<EVP_MAC, Freer<EVP_MAC_free>> mac;
    std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>> context;
};

HmacSha256::HmacSha256(std::string_view key) : state_(std::make_unique<State>()) {
    state_->mac.reset(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (!state_->mac) fail("HMAC");
    state_->context.reset(EVP_MAC_CTX_new(state_->mac.get()));
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    // OpenSSL takes a null key for "the key set before"; an empty key needs a pointer.
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.empty() ? "" : key.data());
    if (!state_->context || EVP_MAC_init(state_->context.get(), bytes, key.size(), params) != 1) {
        fail("HMAC");
    }
}

HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;
HmacSha256::~HmacSha256() = default;

Digest HmacSha256::operator()(std::initializer_list<std::string_view> parts) {
    auto* context = state_->context.get();
    Digest digest{};
    std::size_t length = 0;
    bool good = EVP_MAC_init(context, nullptr, 0, nullptr) == 1;
    for (const auto part : parts) {
        good = good && EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(part.data()),
                                      part.size()) == 1;
    }
    good = good && EVP_MAC_final(context, digest.data(), &length, digest.size()) == 1;
    if (!good || length != digest.size()) fail("HMAC");
    return digest;
}

Digest sha256(std::string_view bytes) {
    // Fetched once a thread: an implicit fetch costs more than hashing a message does.
    thread_local const std::unique_ptr<EVP_MD, Freer<EVP_MD_free>> algorithm(
        EVP_MD_fetch(nullptr, "SHA256", nullptr));
    thread_local const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(
        EVP_MD_CTX_new());
    Digest digest{};
    if (!algorithm || !context ||
        EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
        fail("SHA-256");
    }
    return digest;
}

std::array<unsigned char, 20> sha1(std::string_view bytes) {
    std::array<unsigned char, 20> digest{};
    if (EVP_Q_digest(nullptr, "SHA1", nullptr, bytes.data(), bytes.size(), digest.data(),
                     nullptr) != 1) {
        fail("SHA-1");
    }
    return digest;
}

void random_bytes(std::span<unsigned char> out) {
    if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
        throw Error(ExitCode::failure, "the system gives no random bytes");
    }
}

bool equal_constant_time(std::span<const unsigned char> a, std::span<const unsigned char> b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) noexcept {
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

}  // namespace pwh::crypto
