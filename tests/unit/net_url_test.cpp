// SPDX-License-Identifier: Apache-2.0
#include "net/url.hpp"

#include <doctest/doctest.h>

using namespace pwh::net;

TEST_CASE("a URL falls into its parts") {
    const auto url = parse_url("HTTPS://Hooks.Example.org/a/../b%20c?x=1&y=%2F#fragment");
    REQUIRE(url);
    CHECK(url->scheme == "https");
    CHECK(url->host == "hooks.example.org");
    CHECK(url->port == 443);
    CHECK(url->path == "/a/../b%20c");
    CHECK(url->query == "x=1&y=%2F");
    CHECK_FALSE(url->has_credentials);
}

TEST_CASE("port, path and query take their defaults") {
    const auto plain = parse_url("http://example.org");
    REQUIRE(plain);
    CHECK(plain->port == 80);
    CHECK(plain->path == "/");
    CHECK(plain->query.empty());
    CHECK(parse_url("http://example.org:8080/")->port == 8080);
    CHECK(parse_url("gopher-like://example.org/")->port == 0);
}

TEST_CASE("an IPv6 host loses its brackets") {
    const auto url = parse_url("http://[::1]:8080/preservica");
    REQUIRE(url);
    CHECK(url->host == "::1");
    CHECK(url->port == 8080);
}

TEST_CASE("an IPv4 host in another notation is written out") {
    CHECK(parse_url("http://0x7f.1/")->host == "127.0.0.1");
    CHECK(parse_url("http://2130706433/")->host == "127.0.0.1");
}

TEST_CASE("credentials in a URL are noticed") {
    CHECK(parse_url("https://user@example.org/")->has_credentials);
    CHECK(parse_url("https://user:word@example.org/")->has_credentials);
    CHECK(parse_url("https://example.org@evil.example/")->host == "evil.example");
}

TEST_CASE("what is no absolute URL is refused") {
    for (const char* text :
         {"", "example.org", "//example.org/", "/path", "http:/example.org/",
          "http:///example.org/", "http://", "http://:80/", "http://exa mple.org/",
          "http://example.org:65536/", "http://example.org:x/", "http://[::1/",
          "http://example.org/\n", "https:example.org"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_url(text));
    }
    CHECK_FALSE(parse_url(std::string("http://example.org/\0x", 21)));
}

TEST_CASE("host and port") {
    const auto plain = parse_host_port("US.Preservica.com");
    REQUIRE(plain);
    CHECK(plain->host == "us.preservica.com");
    CHECK_FALSE(plain->port);
    CHECK(parse_host_port("127.0.0.1:8080")->port == 8080);
    CHECK(parse_host_port("example.org:80")->port == 80);
    CHECK(parse_host_port("[::1]:81")->host == "::1");
    CHECK(parse_host_port("[::1]:81")->port == 81);
    CHECK_FALSE(parse_host_port("[::1]")->port);
    CHECK(parse_host_port("127.0.0.1:0")->port == 0);
}

TEST_CASE("what is no host and port is refused") {
    for (const char* text :
         {"", "https://us.preservica.com", "us.preservica.com/", "host:", "host:65536", "host:http",
          "::1", "user@host", "ho st", "host?x", "host#x", "host\\x", ":80", "h%6fst", "[::1",
          "host:80:80", "host\n"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_host_port(text));
    }
}

TEST_CASE("host and port joined as a URL has them") {
    CHECK(join_host_port("example.org", 443) == "example.org:443");
    CHECK(join_host_port("::1", 80) == "[::1]:80");
}

TEST_CASE("loopback is what is written, not what it might resolve to") {
    for (const char* host :
         {"localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1"}) {
        CAPTURE(host);
        CHECK(is_loopback(host));
    }
    for (const char* host : {"", "localhost.example.org", "128.0.0.1", "127.0.0.1.example.org",
                             "::2", "127.1", "mylocalhost", "0.0.0.0", "10.127.0.1"}) {
        CAPTURE(host);
        CHECK_FALSE(is_loopback(host));
    }
}
