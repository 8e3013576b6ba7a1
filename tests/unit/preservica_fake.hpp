// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "preservica/session.hpp"

/// A Preservica that answers from a list, for tests of what talks to it.
namespace pwh::preservica::fake {

using net::ClientRequest;
using net::ClientResponse;

/// Answers from a list, and records what it was asked, one line a request: method, URL, the headers
/// in order, the body.
class FakeHttp : public pwh::net::HttpClient {
  public:
    ClientResponse perform(const ClientRequest& request) override {
        auto line = request.method + " " + request.url;
        for (const auto& [name, value] : request.headers)
            line.append(" | ").append(name).append(": ").append(value);
        if (!request.body.empty()) line += " | " + request.body;
        asked.push_back(std::move(line));
        REQUIRE_FALSE(answers.empty());
        auto answer = std::move(answers.front());
        answers.pop_front();
        return answer;
    }

    void answer(long status, std::string body, std::string type = "application/json") {
        answers.push_back({status, {{"Content-Type", std::move(type)}}, std::move(body)});
    }

    void allow_login(const std::string& token = "t-1") {
        answer(200, R"({"success":true,"user":"ada","token":")" + token +
                        R"(","refresh-token":"r","validFor":15,"tenant":"LOVELACE"})");
    }

    std::vector<std::string> asked;
    std::deque<ClientResponse> answers;
};

/// Tokens in memory, and what was done with them.
class FakeKeeper : public TokenKeeper {
  public:
    std::optional<Tokens> find(const Credentials&) override {
        ++looked;
        return kept;
    }
    void keep(const Credentials&, const Tokens& tokens) override { kept = tokens; }
    void drop(const Credentials&, const std::string& access) override {
        if (kept && kept->access == access) kept.reset();
    }
    Turn take_turn(const Credentials&) override {
        ++turns;
        if (on_turn) on_turn();
        return std::make_shared<int>(turns);
    }

    std::optional<Tokens> kept;
    int looked = 0;
    int turns = 0;
    std::function<void()> on_turn;  ///< what another pwh does meanwhile
};

struct Fixture {
    FakeHttp http;
    pwh::Diagnostics diagnostics{-1, pwh::Verbosity::quiet};
    int password_questions = 0;
    std::deque<std::string> codes;  ///< what a person types; empty: no question may be asked
    int code_questions = 0;
    pwh::WallTime now{std::chrono::seconds(1'800'000'010)};
    std::vector<std::chrono::milliseconds> sleeps;

    SignInSupport support() {
        SignInSupport support;
        support.ask_password = [this] {
            ++password_questions;
            return std::string("asked");
        };
        support.ask_code = [this]() -> std::optional<std::string> {
            if (codes.empty()) return std::nullopt;
            ++code_questions;
            auto code = codes.front();
            codes.pop_front();
            return code;
        };
        support.now = [this] { return now; };
        support.sleep = [this](std::chrono::milliseconds time) {
            sleeps.push_back(time);
            now += time;
        };
        return support;
    }

    Session session(Credentials credentials, TokenKeeper* keeper = nullptr) {
        return {http,
                Server{"https", "eu.preservica.com"},
                std::move(credentials),
                support(),
                keeper,
                diagnostics};
    }
    Session session() { return session({"ada", "p&w", "LOVELACE"}); }
};

inline constexpr auto one_subscription =
    R"({"id":"4583","url":"https://h.example/p","triggerType":"MOVED","includeIdentifiers":true,"new":{"z":1,"a":[18446744073709551615]}})";

template <typename Action>
Error failure_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return Error(error);
    }
    FAIL("nothing was thrown");
    return {ExitCode::ok, ""};
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace pwh::preservica::fake
