// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "net/request_parser.hpp"

using pwh::net::Malformed;
using pwh::net::RequestParser;
using Progress = pwh::net::RequestParser::Progress;

namespace {

struct Read {
    Progress progress = Progress::need_more;
    Malformed malformed = Malformed::none;
    std::string method, target, body, left;
    std::size_t fields = 0;

    bool operator==(const Read&) const = default;  // of one that is not complete, only that
};

/// Feeds `text` in pieces of `step` bytes, as a connection does.
Read read(std::string_view text, std::size_t step, const RequestParser::Limits& limits = {}) {
    RequestParser parser(limits);
    std::string pending;
    Read result;
    for (std::size_t at = 0; at < text.size();) {
        pending += text.substr(at, step);
        at += std::min(step, text.size() - at);
        std::size_t used = 0;
        while ((result.progress = parser.feed(pending, used)) == Progress::head) {
        }
        pending.erase(0, used);
        if (result.progress != Progress::need_more) {
            pending += text.substr(at);
            break;
        }
    }
    result.malformed = parser.malformed();
    if (result.progress != Progress::complete) return result;
    result.method = parser.head().method();
    result.target = parser.head().target();
    result.body = parser.body();
    result.fields = parser.head().field_count();
    result.left = pending;
    return result;
}

/// The reading must not depend on how the bytes are cut.
Read read_each_way(std::string_view text, const RequestParser::Limits& limits = {}) {
    const auto whole = read(text, text.size(), limits);
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
        CAPTURE(step);
        CHECK(read(text, step, limits) == whole);
    }
    return whole;
}

const std::string post = "POST /x?y=z HTTP/1.1\r\nHost: h\r\n";

}  // namespace

TEST_CASE("requests are read, whatever the pieces they come in") {
    const auto get = read_each_way("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(get.progress == Progress::complete);
    CHECK(get.method == "GET");
    const auto length = read_each_way(post + "Content-Length: 5\r\n\r\nhelloNEXT");
    CHECK(length.progress == Progress::complete);
    CHECK(length.target == "/x?y=z");
    CHECK(length.body == "hello");
    CHECK(length.left == "NEXT");
    const auto chunked = read_each_way(
        post +
        "transfer-encoding: CHUNKED\r\n\r\n5;name=value\r\nhello\r\n0a\r\n0123456789\r\n0\r\nHost: "
        "other\r\n\r\nNEXT");
    CHECK(chunked.progress == Progress::complete);
    CHECK(chunked.body == "hello0123456789");
    CHECK(chunked.fields == 2);
    CHECK(chunked.left == "NEXT");
    CHECK(read_each_way("GET / HTTP/1.0\r\n\r\n").progress == Progress::complete);
    CHECK(read_each_way(post).progress == Progress::need_more);
    CHECK(read_each_way(post + "Content-Length: 5\r\n\r\nhell").progress == Progress::need_more);
}

TEST_CASE("a body without a chunk may come a byte at a time") {
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(read_each_way(chunked + "0\r\n\r\n").progress == Progress::complete);
    CHECK(read_each_way(chunked + "0\r\nX: y\r\n\r\nNEXT").left == "NEXT");
    CHECK(read_each_way(chunked + "00\r\n\r\n").progress == Progress::complete);
}

TEST_CASE("what a proxy could read differently is refused") {
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    for (const std::string& text : {
             post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
             post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
             post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
             post + "Content-Length: 4, 4\r\n\r\n",
             post + "Content-Length: +4\r\n\r\n",
             post + "Content-Length: -4\r\n\r\n",
             post + "Content-Length: 0x4\r\n\r\n",
             post + "Content-Length: 4 4\r\n\r\n",
             post + "Content-Length:\r\n\r\n",
             post + "Content-Length: 99999999999999999999999\r\n\r\n",
             post + "Transfer-Encoding: gzip\r\n\r\n",
             post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
             post + "Transfer-Encoding: chunked, chunked\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
             post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
             post + "Transfer-Encoding: identity\r\n\r\n",
             post + "Transfer-Encoding: xchunked\r\n\r\n",
             post + "Transfer-Encoding:\r\n\r\n",
             std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
             chunked + "5\nhello\r\n0\r\n\r\n",
             chunked + "5\nhello\n0\n\n",
             chunked + "0\n\n",
             chunked + "0\r\n\n",
             chunked + "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
             chunked + " 5\r\nhello\r\n0\r\n\r\n",
             chunked + "0x5\r\nhello\r\n0\r\n\r\n",
             chunked + "-5\r\nhello\r\n0\r\n\r\n",
             chunked + "5\r\nhelloX\r\n0\r\n\r\n",
             chunked + "5\r\nhello0\r\n\r\n\r\n\r\n",
             chunked + "\r\nhello\r\n",
             chunked + "10000000000000000\r\n",
             chunked + "5 x\r\nhello\r\n0\r\n\r\n",
             post + "X: a\r\n b\r\n\r\n",
             post + "X:\r\n\tb\r\n\r\n",
             post + "X : a\r\n\r\n",
             post + ": a\r\n\r\n",
             post + "X\r\n\r\n",
             post + "X: a\x01\r\n\r\n",
             post + "X: a\rb\r\n\r\n",
             post + std::string("X: a\0b\r\n\r\n", 10),
             post + std::string("X\0: a\r\n\r\n", 9),
             post + "Host: h\r\n\r\n",
             std::string("POST / HTTP/1.1\r\n\r\n"),
             std::string("POST / HTTP/1.1\nHost: h\n\n"),
             std::string("POST / HTTP/1.1\r\nHost: h\n\r\n"),
             std::string("POST  / HTTP/1.1\r\nHost: h\r\n\r\n"),
             std::string("POST /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
             std::string("POST / http/1.1\r\nHost: h\r\n\r\n"),
             std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
             std::string("\r\nPOST / HTTP/1.1\r\nHost: h\r\n\r\n"),
         }) {
        CAPTURE(text);
        const auto result = read_each_way(text);
        CHECK(result.progress == Progress::malformed);
        CHECK(result.malformed == Malformed::framing);
    }
}

TEST_CASE("other versions are told apart") {
    for (const std::string& text : {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                                    std::string("GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
                                    std::string("GET / HTTP/3.0\r\nHost: h\r\n\r\n"),
                                    std::string("GET / HTTP/0.9\r\nHost: h\r\n\r\n")}) {
        CAPTURE(text);
        CHECK(read_each_way(text).malformed == Malformed::version);
    }
}

TEST_CASE("limits hold, declared or as it grows") {
    const RequestParser::Limits limits{512, 10};
    CHECK(read_each_way(post + "Content-Length: 10\r\n\r\n0123456789", limits).progress ==
          Progress::complete);
    CHECK(read_each_way(post + "Content-Length: 11\r\n\r\n0123456789x", limits).malformed ==
          Malformed::body_too_large);
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(read_each_way(chunked + "a\r\n0123456789\r\n0\r\n\r\n", limits).progress ==
          Progress::complete);
    CHECK(read_each_way(chunked + "b\r\n", limits).malformed == Malformed::body_too_large);
    CHECK(read_each_way(chunked + "a\r\n0123456789\r\n1\r\n", limits).malformed ==
          Malformed::body_too_large);
    CHECK(read(post + "X: " + std::string(600, 'x') + "\r\n\r\n", 4096, limits).malformed ==
          Malformed::head_too_large);
    CHECK(read("GET /" + std::string(600, 'x') + " HTTP/1.1\r\n", 1, limits).malformed ==
          Malformed::head_too_large);
    const std::string longest(limits.head_bytes - post.size() - 7, 'x');
    CHECK(read_each_way(post + "X: " + longest + "\r\n\r\n", limits).progress ==
          Progress::complete);
    CHECK(read_each_way(post + "X: " + longest + "x\r\n\r\n", limits).malformed ==
          Malformed::head_too_large);
    std::string fields;
    for (int i = 0; i < 100; ++i) fields += "X: y\r\n";
    CHECK(read(post + fields + "\r\n", 3, limits).malformed == Malformed::head_too_large);
    CHECK(read(chunked + "1;" + std::string(600, 'x'), 1, limits).malformed == Malformed::framing);
    CHECK(read(chunked + "0\r\n" + fields, 1, limits).progress == Progress::malformed);
}

TEST_CASE("a dropped body still counts, and is not kept") {
    RequestParser parser({});
    std::size_t used = 0;
    const auto text = post + "Content-Length: 5\r\n\r\nhello";
    REQUIRE(parser.feed(text, used) == Progress::head);
    parser.discard_body();
    CHECK(parser.feed(text, used) == Progress::complete);
    CHECK(parser.body().empty());
    CHECK(parser.body_size() == 5);
    parser.next();
    used = 0;
    REQUIRE(parser.feed(text, used) == Progress::head);
    CHECK(parser.feed(text, used) == Progress::complete);
    CHECK(parser.body() == "hello");
}

TEST_CASE("the target gives path and query") {
    const auto head_of = [](const std::string& target, std::string& path, std::string& query) {
        RequestParser parser({});
        std::size_t used = 0;
        REQUIRE(parser.feed("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n", used) ==
                Progress::head);
        path = parser.head().path();
        query = parser.head().query();
    };
    std::string path;
    std::string query;
    head_of("/a/b?c=d?e", path, query);
    CHECK(path == "/a/b");
    CHECK(query == "c=d?e");
    head_of("http://h:1/a?b", path, query);
    CHECK(path == "/a");
    CHECK(query == "b");
    head_of("http://h?b", path, query);
    CHECK(path == "/");
    head_of("*", path, query);
    CHECK(path == "*");
    CHECK(query.empty());
}
