// SPDX-License-Identifier: Apache-2.0
#include "preservica/failure.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "net/url.hpp"
#include "text/utf8.hpp"

namespace pwh::preservica {

namespace {

constexpr std::size_t deepest_nesting = 100;
constexpr std::size_t longest_message = 200;

constexpr auto server_hint =
    "check --server: it has to be the host of Preservica's API, without a path";
constexpr auto later_hint = "try again later; Preservica's status page may know more";
constexpr auto roles_hint =
    "webhook administration needs one of the roles ROLE_SDB_ADMIN_USER, ROLE_SDB_MANAGER_USER and "
    "ROLE_SDB_CONFIG_MANAGER_USER; `pwh whoami` shows yours";

bool nests_too_deep(std::string_view json) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest_nesting) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

bool is_web_page(const net::ClientResponse& response) {
    const auto first = response.body.find_first_not_of(" \t\r\n");
    return response.header("Content-Type").starts_with("text/html") ||
           (first != std::string::npos && response.body[first] == '<');
}

/// One line of at most longest_message characters, cut between characters.
std::string shorten(const std::string& text) {
    std::string line;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) {
        if (characters == longest_message) return line + "…";
        const auto length = std::max<std::size_t>(text::utf8_sequence(text, at), 1);
        const bool control = static_cast<unsigned char>(text[at]) < ' ';
        line += control ? std::string(" ") : text.substr(at, length);
        at += length;
    }
    return line;
}

/// What `Retry-After` asks, in words.
std::string later(const net::ClientResponse& response) {
    constexpr std::size_t longest = 40;
    const auto when = response.header("Retry-After");
    if (when.empty() || when.size() > longest) return later_hint;
    const bool seconds = when.find_first_not_of("0123456789") == std::string_view::npos;
    return fmt::format("the server asks to wait {}{}{}", seconds ? "" : "until ", when,
                       seconds ? " seconds" : "");
}

/// The host that a redirection names; it is not followed, as the login would go along.
std::string elsewhere(const net::ClientResponse& response) {
    const auto url = net::parse_url(std::string(response.header("Location")));
    return url ? fmt::format("another address, at {}", url->host) : std::string("another address");
}

}  // namespace

std::optional<nlohmann::ordered_json> parse_json(std::string_view text) {
    if (nests_too_deep(text)) return std::nullopt;
    auto json = nlohmann::ordered_json::parse(text, nullptr, false);
    if (json.is_discarded()) return std::nullopt;
    return json;
}

nlohmann::ordered_json parse_answer(const net::ClientResponse& response, const std::string& doing) {
    if (auto json = parse_json(response.body)) return *std::move(json);
    const auto* what = response.body.empty()   ? "an empty answer"
                       : is_web_page(response) ? "a web page, not with JSON"
                                               : "something that is not valid JSON";
    throw Error(ExitCode::unavailable, fmt::format("cannot {}: it answered with {}", doing, what),
                server_hint);
}

std::string server_message(const net::ClientResponse& response) {
    const auto json = parse_json(response.body);
    if (!json || !json->is_object()) return {};
    const auto message = json->find("message");
    if (message == json->end() || !message->is_string()) return {};
    return shorten(message->get<std::string>());
}

std::string with_server_message(std::string text, const net::ClientResponse& response) {
    const auto message = server_message(response);
    if (!message.empty()) text += ": " + message;
    return text;
}

void drop_echo(net::ClientResponse& response, const std::string& secret) {
    const auto message = server_message(response);
    if (secret.empty() || message == second_factor_needed || message == second_factor_not_set_up)
        return;
    if (message.find(secret) != std::string::npos) response.body.clear();
}

Error explain_failure(const net::ClientResponse& response, const std::string& doing) {
    const auto explain = [&](ExitCode code, const std::string& what, const std::string& hint) {
        const auto text = fmt::format("cannot {}: {} (status {})", doing, what, response.status);
        return Error(code, with_server_message(text, response), hint);
    };
    const auto status = response.status;
    if (status == 401) {
        return explain(ExitCode::unauthenticated, "the server does not accept the login",
                       "check --username and the password");
    }
    if (status == 403) {
        return explain(ExitCode::forbidden, "this user is not allowed to do it", roles_hint);
    }
    if (status == 404) {
        return explain(ExitCode::failure, "the server has no such address", server_hint);
    }
    if (status == 409) {
        return explain(ExitCode::failure, "it conflicts with what the server has already",
                       "`pwh list` shows what is there");
    }
    if (status == 408 || status == 429) {
        return explain(ExitCode::unavailable, "the server asks to try again later",
                       later(response));
    }
    if (status >= 500) return explain(ExitCode::unavailable, "the server fails", later(response));
    if (status >= 300 && status < 400) {
        return explain(ExitCode::unavailable,
                       fmt::format("the server sends pwh on to {}", elsewhere(response)),
                       server_hint);
    }
    if (status < 300) {
        return explain(ExitCode::unavailable, "the server answered with something unexpected",
                       server_hint);
    }
    return explain(ExitCode::failure, "the server refused the request", "-vv shows the exchange");
}

}  // namespace pwh::preservica
