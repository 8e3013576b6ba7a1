// SPDX-License-Identifier: Apache-2.0
#include "net/transport_failure.hpp"

#include <doctest/doctest.h>
#include <openssl/x509_vfy.h>

#include <map>
#include <optional>
#include <string>

using namespace pwh::net;
using Kind = TransportError::Kind;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("certificate troubles in words") {
    FailedExchange exchange;
    exchange.url = *parse_url("https://eu.preservica.com/");
    const auto explained = [&exchange](long verify_result) {
        exchange.verify_result = verify_result;
        const auto error = explain_transport(CURLE_PEER_FAILED_VERIFICATION, exchange);
        CHECK(error.kind() == Kind::tls);
        CHECK_FALSE(error.sent());
        return std::string(error.what()) + " / " + error.hint();
    };
    for (const long host : {X509_V_OK, X509_V_ERR_UNSPECIFIED, X509_V_ERR_HOSTNAME_MISMATCH}) {
        CHECK(
            contains(explained(host), "certificate of eu.preservica.com:443 is for another host"));
    }
    CHECK(contains(explained(X509_V_ERR_CERT_HAS_EXPIRED), "has expired"));
    CHECK(contains(explained(X509_V_ERR_CERT_NOT_YET_VALID), "not valid yet"));
    for (const long unknown :
         {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY}) {
        CHECK(contains(explained(unknown),
                       "authority that this machine does not know / name the "
                       "authority's certificate with --cacert FILE"));
    }
    CHECK(contains(explained(X509_V_ERR_CERT_REVOKED), "certificate revoked"));
}

TEST_CASE("proxy troubles name the variable that set the proxy") {
    FailedExchange exchange;
    exchange.url = *parse_url("https://eu.preservica.com/");
    exchange.proxy_variable = "https_proxy";
    for (const auto code : {CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PROXY}) {
        const auto error = explain_transport(code, exchange);
        CHECK(error.kind() == Kind::proxy);
        CHECK(contains(error.hint(), "https_proxy"));
    }
    exchange.proxy_status = 407;
    const auto error = explain_transport(CURLE_RECV_ERROR, exchange);
    CHECK(error.kind() == Kind::proxy);
    CHECK(contains(error.what(), "eu.preservica.com:443 (status 407)"));
}

TEST_CASE("no code of libcurl is left without words") {
    FailedExchange exchange;
    exchange.url = *parse_url("https://eu.preservica.com/");
    for (int code = 1; code < CURL_LAST; ++code) {
        const auto error = explain_transport(static_cast<CURLcode>(code), exchange);
        CHECK(std::string(error.what()).size() > 20);
        CHECK_FALSE(error.hint().empty());
    }
}

TEST_CASE("which variable names the proxy in force") {
    std::map<std::string, std::string> variables;
    const pwh::Environment environment =
        [&variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    const auto https = *parse_url("https://eu.preservica.com/");
    const auto http = *parse_url("http://eu.preservica.com/");
    CHECK(proxy_variable(https, environment).empty());
    variables = {{"ALL_PROXY", "p"}, {"HTTP_PROXY", "p"}};
    CHECK(proxy_variable(https, environment) == "ALL_PROXY");
    CHECK(proxy_variable(http, environment) == "ALL_PROXY");
    variables = {{"HTTPS_PROXY", "p"}, {"https_proxy", "p"}, {"all_proxy", "p"}};
    CHECK(proxy_variable(https, environment) == "https_proxy");
    CHECK(proxy_variable(*parse_url("https://127.0.0.1/"), environment).empty());
    for (const char* exceptions :
         {"*", "preservica.com", "a.org, .preservica.com", "x,eu.preservica.com"}) {
        variables["no_proxy"] = exceptions;
        CHECK(proxy_variable(https, environment).empty());
    }
    for (const char* exceptions : {"us.preservica.com", "vica.com", ",", "a, b"}) {
        variables["no_proxy"] = exceptions;
        CHECK(proxy_variable(https, environment) == "https_proxy");
    }
}
