// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "net_tiny_server.hpp"

using namespace pwh::net;
using pwh::net::fake::Connection;
using pwh::net::fake::TinyServer;
using Kind = TransportError::Kind;

namespace {

constexpr auto ok_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

TinyServer::Serve answering(const std::string& answer, const std::string& end = "\r\n\r\n") {
    return [answer, end](Connection& connection) {
        if (connection.read_until(end)) connection.send(answer);
    };
}

/// The request without that line, which has to be there and to name pwh and a version.
std::string without_user_agent(std::string request) {
    const std::string start = "\r\nUser-Agent: pwh/";
    const auto at = request.find(start);
    REQUIRE(at != std::string::npos);
    const auto end = request.find("\r\n", at + 2);
    CHECK(end > at + start.size());
    return request.erase(at, end - at);
}

TransportError failure_of(HttpClient& client, const ClientRequest& request) {
    try {
        (void)client.perform(request);
    } catch (const TransportError& error) {
        return error;
    }
    FAIL("nothing was thrown");
    return {Kind::broken, false, ""};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a GET on the wire, and its answer") {
    TinyServer server(answering(
        "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
        "HTTP/1.1 404 Not Found\r\nContent-Type:  text/plain \r\nX-A: 1\r\nx-a: 2\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"));
    const auto client = make_http_client({});
    const auto response = client->perform(
        {"GET", server.url("/a/../b?x=1"), {{"Accept", "text/plain"}, {"X-Empty", ""}}, {}});
    CHECK(response.status == 404);
    CHECK(response.body == "abcde");
    CHECK(response.header("content-TYPE") == "text/plain");
    CHECK(response.header("X-A") == "1");
    CHECK(response.header("X-Early").empty());
    CHECK(response.header("X-Trailer").empty());
    server.stop();
    REQUIRE(server.received.size() == 1);
    CHECK(without_user_agent(server.received[0]) ==
          "GET /a/../b?x=1 HTTP/1.1\r\nHost: " + server.address() +
              "\r\nAccept: text/plain\r\nX-Empty:\r\n\r\n");
}

TEST_CASE("a POST carries its body as it is, and no Expect") {
    const auto client = make_http_client({});
    const std::string body(2000, 'x');
    const TinyServer::Serve serve = [](Connection& c) {
        if (c.read_until(std::string(2000, 'x'))) c.send(ok_answer);
    };
    TinyServer large(serve);
    CHECK(client->perform({"POST", large.url(), {{"Content-Type", "text/plain"}}, body}).status ==
          200);
    large.stop();
    CHECK(without_user_agent(large.received[0]) ==
          "POST / HTTP/1.1\r\nHost: " + large.address() +
              "\r\nAccept: */*\r\nContent-Type: text/plain\r\nContent-Length: 2000\r\n\r\n" + body);
}

TEST_CASE("no content type is made up, also for an empty POST") {
    TinyServer server(answering(ok_answer));
    const auto client = make_http_client({});
    CHECK(client->perform({"POST", server.url(), {}, {}}).body == "hi");
    server.stop();
    CHECK(without_user_agent(server.received[0]) ==
          "POST / HTTP/1.1\r\nHost: " + server.address() +
              "\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("other methods") {
    TinyServer server([](Connection& connection) {
        if (!connection.read_until("\r\n\r\n")) return;
        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        if (!connection.read_until("PUT / HTTP/1.1") || !connection.read_until("body")) return;
        connection.send(ok_answer);
        if (!connection.read_until("HEAD / HTTP/1.1")) return;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        connection.wait_for_end();
    });
    {
        const auto client = make_http_client({});
        CHECK(client->perform({"DELETE", server.url("/x"), {}, {}}).status == 204);
        CHECK(client->perform({"PUT", server.url(), {}, "body"}).body == "hi");
        CHECK(client->perform({"HEAD", server.url(), {}, {}}).body.empty());
    }
    server.stop();
    REQUIRE(server.received.size() == 1);
    CHECK(server.received[0].starts_with("DELETE /x HTTP/1.1\r\n"));
}

TEST_CASE("a chunked body is one chunk on the wire") {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{300}, std::size_t{200'000}, std::size_t{2'000'000}}) {
        TinyServer server(answering(ok_answer, "\r\n0\r\n\r\n"));
        const std::string body(size, 'x');
        const auto client = make_http_client({});
        const ClientRequest request{
            "POST", server.url("/p"), {{"Content-Type", "application/json"}}, body, true};
        CHECK(client->perform(request).status == 200);
        server.stop();
        REQUIRE(server.received.size() == 1);
        char length[32];
        std::snprintf(length, sizeof length, "%zx", size);
        CHECK(without_user_agent(server.received[0]) ==
              "POST /p HTTP/1.1\r\nHost: " + server.address() +
                  "\r\nAccept: */*\r\nContent-Type: application/json\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n" +
                  length + "\r\n" + body + "\r\n0\r\n\r\n");
    }
}

TEST_CASE("an empty chunked body") {
    TinyServer server(answering(ok_answer, "\r\n\r\n0\r\n\r\n"));
    const auto client = make_http_client({});
    CHECK(client->perform({"POST", server.url(), {}, {}, true}).status == 200);
    server.stop();
    CHECK(server.received[0].ends_with("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
}

TEST_CASE("the connection is kept between calls") {
    TinyServer server([](Connection& connection) {
        for (int i = 0; i < 3; ++i) {
            if (!connection.read_until("GET /" + std::to_string(i) + " ") ||
                !connection.read_until("\r\n\r\n") || !connection.send(ok_answer)) {
                return;
            }
        }
        connection.wait_for_end();
    });
    {
        const auto client = make_http_client({});
        for (int i = 0; i < 3; ++i) {
            CHECK(client->perform({"GET", server.url("/" + std::to_string(i)), {}, {}}).status ==
                  200);
        }
    }
    server.stop();
    CHECK(server.received.size() == 1);
}

TEST_CASE("a POST on a kept connection that closes is not sent twice") {
    std::atomic<int> posts = 0;
    TinyServer server([&posts](Connection& connection) {
        if (!connection.read_until("\r\n\r\n")) return;
        if (connection.received.starts_with("POST")) {
            ++posts;
            connection.send(ok_answer);
            return;
        }
        connection.send(ok_answer);
        if (connection.read_until("POST ")) ++posts;  // and closes without an answer
    });
    {
        const auto client = make_http_client({});
        CHECK(client->perform({"GET", server.url(), {}, {}}).status == 200);
        const auto error = failure_of(*client, {"POST", server.url(), {}, "x"});
        CHECK(error.kind() == Kind::broken);
        CHECK(error.sent());
    }
    server.stop();
    CHECK(posts == 1);
}

TEST_CASE("redirects are answers") {
    TinyServer server(answering(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
    const auto client = make_http_client({});
    const auto response = client->perform({"GET", server.url(), {}, {}});
    CHECK(response.status == 302);
    CHECK(response.header("Location") == "http://127.0.0.1:1/");
}

TEST_CASE("a port that refuses") {
    TinyServer server(answering(ok_answer));
    server.stop();
    const auto client = make_http_client({});
    const auto error = failure_of(*client, {"GET", server.url(), {}, {}});
    CHECK(error.kind() == Kind::connect);
    CHECK_FALSE(error.sent());
    CHECK(error.code() == pwh::ExitCode::unavailable);
    CHECK(contains(error.what(), "cannot connect to " + server.address()));
    CHECK(contains(error.hint(), "--server"));
}

TEST_CASE("a host that does not exist") {
    const auto client = make_http_client({});
    const auto error = failure_of(*client, {"GET", "http://no-such-host.invalid/", {}, {}});
    // A proxy from the environment would be asked instead.
    if (error.kind() != Kind::proxy) {
        CHECK(error.kind() == Kind::resolve);
        CHECK(contains(error.what(), "no-such-host.invalid:80"));
    }
    CHECK_FALSE(error.sent());
}

TEST_CASE("only http and https URLs are asked for") {
    const auto client = make_http_client({});
    for (const char* url :
         {"", "example.org", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://h/"}) {
        CAPTURE(url);
        CHECK_FALSE(failure_of(*client, {"GET", url, {}, {}}).sent());
    }
}

TEST_CASE("a header can't break out of its line") {
    TinyServer server(answering(ok_answer));
    const auto client = make_http_client({});
    for (const auto& value :
         {std::string("a\r\nX-B: c"), std::string("a\n"), std::string("a\0b", 3)}) {
        CHECK_THROWS_AS((void)client->perform({"GET", server.url(), {{"X-A", value}}, {}}),
                        pwh::Error);
    }
    server.stop();
    CHECK(server.received.empty());
}

TEST_CASE("an answer that is too large, in its body or in its headers") {
    ClientOptions options;
    options.max_response_bytes = 1000;
    const auto client = make_http_client(options);
    const std::string much(2000, 'x');
    for (const auto& answer :
         {"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + much,
          "HTTP/1.1 200 OK\r\n\r\n" + much,
          "HTTP/1.1 200 OK\r\nX-A: " + much + "\r\nContent-Length: 0\r\n\r\n"}) {
        TinyServer server(answering(answer));
        const auto error = failure_of(*client, {"GET", server.url(), {}, {}});
        CHECK(error.kind() == Kind::too_large);
        CHECK(error.sent());
        CHECK(contains(error.what(), server.address() + " answered with more than 1000 bytes"));
    }
    TinyServer server(answering(ok_answer));
    CHECK(client->perform({"GET", server.url(), {}, {}}).body == "hi");
}

TEST_CASE("a silent server and a dripping one run out of time") {
    ClientOptions options;
    options.request_timeout = std::chrono::seconds(1);
    const auto client = make_http_client(options);
    const TinyServer::Serve silent = [](Connection& c) { c.wait_for_end(); };
    const TinyServer::Serve dripping = [](Connection& c) {
        if (!c.read_until("\r\n\r\n")) return;
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while (c.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    };
    for (const auto& serve : {silent, dripping}) {
        TinyServer server(serve);
        const auto start = std::chrono::steady_clock::now();
        const auto error = failure_of(*client, {"GET", server.url(), {}, {}});
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
        CHECK(error.kind() == Kind::timeout);
        CHECK(error.sent());
        CHECK(contains(error.what(), server.address() + " did not finish its answer within 1 s"));
        CHECK(contains(error.hint(), "--request-timeout"));
    }
}

TEST_CASE("answers that are none") {
    const auto client = make_http_client({});
    for (const char* answer :
         {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "SSH-2.0-OpenSSH\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        CAPTURE(answer);
        TinyServer server(answering(answer));
        const auto error = failure_of(*client, {"GET", server.url(), {}, {}});
        CHECK(error.kind() == Kind::broken);
        CHECK(error.sent());
        CHECK(contains(error.what(), server.address()));
        CHECK_FALSE(contains(error.what(), "\n"));
    }
}

TEST_CASE("https where there is no TLS") {
    TinyServer server([](Connection& connection) {
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        connection.wait_for_end();
    });
    const auto client = make_http_client({});
    const auto error = failure_of(*client, {"GET", "https://" + server.address() + "/", {}, {}});
    CHECK(error.kind() == Kind::tls);
    CHECK_FALSE(error.sent());
    CHECK(contains(error.what(), "no TLS connection"));
}

TEST_CASE("each exchange is told, before and after") {
    std::string told;
    ClientOptions options;
    options.on_request = [&told](const ClientRequest& request) { told += request.body + ";"; };
    options.on_response = [&told](const ClientResponse& response) { told += response.body + ";"; };
    TinyServer server(answering(ok_answer));
    (void)make_http_client(options)->perform({"POST", server.url(), {}, "body"});
    CHECK(told == "body;hi;");
}

TEST_CASE("a CA file that isn't there is a wrong setting") {
    ClientOptions options;
    options.ca_file = "/nonexistent/ca.pem";
    CHECK_THROWS_WITH_AS((void)make_http_client(options),
                         doctest::Contains("/nonexistent/ca.pem: No such file"), pwh::UsageError);
}

TEST_CASE("a loopback server is asked without the proxy of the environment") {
    TinyServer proxy(answering("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"));
    TinyServer server(answering(ok_answer));
    const char* before = std::getenv("http_proxy");
    const std::string saved = before == nullptr ? "" : before;
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    const auto client = make_http_client({});
    const auto direct = client->perform({"GET", server.url(), {}, {}});
    const auto proxied = client->perform({"GET", "http://hooks.example.invalid/", {}, {}});
    if (before == nullptr) {
        ::unsetenv("http_proxy");
    } else {
        ::setenv("http_proxy", saved.c_str(), 1);
    }
    CHECK(direct.status == 200);
    CHECK(proxied.status == 502);
}
