// SPDX-License-Identifier: Apache-2.0
#include "net/url.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "net/curl_library.hpp"

namespace pwh::net {

namespace {

struct FreeUrl {
    void operator()(CURLU* url) const { curl_library().url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, FreeUrl>;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* raw = nullptr;
    if (curl_library().url_get(url, which, &raw, flags) != CURLUE_OK) return std::nullopt;
    const std::unique_ptr<char, void (*)(void*)> text(raw, curl_library().free);
    return std::string(text.get());
}

/// libcurl forgives one or three slashes, and guesses a scheme; nobody else does.
bool has_two_slashes(const std::string& text) {
    const auto colon = text.find(':');
    return colon != std::string::npos && colon > 0 && text.compare(colon, 3, "://") == 0 &&
           text.compare(colon, 4, ":///") != 0;
}

std::optional<std::uint16_t> to_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, port);
    if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
    return port;
}

/// An IPv6 address in brackets, written in its shortest form.
std::optional<std::string> ipv6_address(std::string_view text) {
    if (!text.ends_with(']')) return std::nullopt;
    const std::string inner(text.substr(1, text.size() - 2));
    in6_addr address{};
    std::array<char, INET6_ADDRSTRLEN> written{};
    if (inner.find('\0') != std::string::npos ||
        ::inet_pton(AF_INET6, inner.c_str(), &address) != 1 ||
        ::inet_ntop(AF_INET6, &address, written.data(), written.size()) == nullptr) {
        return std::nullopt;
    }
    return std::string(written.data());
}

/// A name or an IPv4 address, in letters that need no escapes in a URL (or in UTF-8), or IPv6.
std::optional<std::string> host_name(std::string_view text) {
    if (text.starts_with('[')) return ipv6_address(text);
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    };
    if (text.empty() || !std::all_of(text.begin(), text.end(), fits)) return std::nullopt;
    return lower(std::string(text));
}

std::string without_brackets(const std::string& host) {
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

std::optional<Url> parse_url(const std::string& text) {
    if (text.find('\0') != std::string::npos || !has_two_slashes(text)) return std::nullopt;
    const UrlHandle handle(curl_library().url());
    constexpr unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
    if (!handle ||
        curl_library().url_set(handle.get(), CURLUPART_URL, text.c_str(), flags) != CURLUE_OK) {
        return std::nullopt;
    }
    const auto host = part(handle.get(), CURLUPART_HOST);
    if (!host || host->empty()) return std::nullopt;
    Url url;
    url.scheme = lower(part(handle.get(), CURLUPART_SCHEME).value_or(""));
    url.host = without_brackets(lower(*host));
    url.port =
        to_port(part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("")).value_or(0);
    url.path = part(handle.get(), CURLUPART_PATH).value_or("/");
    url.query = part(handle.get(), CURLUPART_QUERY).value_or("");
    url.has_credentials =
        part(handle.get(), CURLUPART_USER).has_value() || part(handle.get(), CURLUPART_PASSWORD);
    return url;
}

// Without libcurl, which a receiver that only needs an address to listen on does not load.
std::optional<HostPort> parse_host_port(std::string_view text) {
    const auto bracket = text.rfind(']');
    const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    auto host = host_name(text.substr(0, colon));
    if (!host) return std::nullopt;
    HostPort parsed{std::move(*host), std::nullopt};
    if (colon == std::string_view::npos) return parsed;
    const auto digits = text.substr(colon + 1);
    parsed.port = to_port(digits);
    if (!parsed.port) return std::nullopt;
    return parsed;
}

std::string join_host_port(const std::string& host, std::uint16_t port) {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_loopback(std::string_view host) {
    const auto name = lower(std::string(host));
    if (name == "localhost") return true;
    in_addr ipv4{};
    if (::inet_pton(AF_INET, name.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24U) == 127;
    in6_addr ipv6{};
    return ::inet_pton(AF_INET6, name.c_str(), &ipv6) == 1 &&
           std::memcmp(&ipv6, &in6addr_loopback, sizeof ipv6) == 0;
}

}  // namespace pwh::net
