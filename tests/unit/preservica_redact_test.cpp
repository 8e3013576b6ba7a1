// SPDX-License-Identifier: Apache-2.0
#include "preservica/redact.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pwh::preservica;
using pwh::net::ClientRequest;
using pwh::net::ClientResponse;

TEST_CASE("nothing secret is left in a request that is shown") {
    const auto login = redact(ClientRequest{"POST",
                                            "https://ada:word@eu.preservica.com/api?token=abc&x=1",
                                            {{"Content-Type", "application/x-www-form-urlencoded"},
                                             {"preservica-access-token", "t-1"},
                                             {"Authorization", "Basic x"},
                                             {"Cookie", "c"},
                                             {"Accept", "*/*"}},
                                            "username=ada&password=p%26w&tw%6FFactorToken=123456&"
                                            "refreshToken=r&continuationToken=c&hash=h"});
    CHECK(login ==
          "POST https://***@eu.preservica.com/api?token=***&x=1\n"
          "Content-Type: application/x-www-form-urlencoded\n"
          "preservica-access-token: ***\n"
          "Authorization: ***\n"
          "Cookie: ***\n"
          "Accept: */*\n"
          "username=ada&password=***&tw%6FFactorToken=***&refreshToken=***&continuationToken=***"
          "&hash=***\n");
    CHECK(redact(ClientRequest{
              "POST", "https://h.example/?a@b", {{"Preservica-Signature", "ff"}}, "secret"}) ==
          "POST https://h.example/?a@b\nPreservica-Signature: ***\n(6 bytes)\n");
}

TEST_CASE("nothing secret is left in an answer that is shown") {
    CHECK(
        redact(ClientResponse{
            200,
            {{"Set-Cookie", "s"}, {"Content-Type", "application/json"}},
            R"({"user":"ada","token":"t","refresh-token":"r","n":[{"secret":"s","Password":{"a":"b"}}],)"
            R"("challengeResponse":"f","continuation-token":1,"validFor":15})"}) ==
        "200\nSet-Cookie: ***\nContent-Type: application/json\n"
        R"({"user":"ada","token":"***","refresh-token":"***","n":[{"secret":"***","Password":"***"}],)"
        R"("challengeResponse":"***","continuation-token":"***","validFor":15})"
        "\n");
    CHECK(redact(ClientResponse{200, {}, R"("a-secret")"}) == "200\n(10 bytes)\n");
    CHECK(redact(ClientResponse{200, {}, "<html>"}) == "200\n(6 bytes)\n");
    CHECK(redact(ClientResponse{204, {}, ""}) == "204\n");
}
