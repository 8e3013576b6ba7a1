// SPDX-License-Identifier: Apache-2.0
#include "preservica/redact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "preservica/failure.hpp"
#include "text/percent.hpp"

namespace pwh::preservica {

namespace {

constexpr std::string_view blacked_out = "***";

constexpr std::array secret_headers{
    std::string_view("preservica-access-token"),
    std::string_view("preservica-signature"),
    std::string_view("authorization"),
    std::string_view("proxy-authorization"),
    std::string_view("cookie"),
    std::string_view("set-cookie"),
};

constexpr std::array secret_fields{
    std::string_view("password"),
    std::string_view("secret"),
    std::string_view("token"),
    std::string_view("refreshtoken"),
    std::string_view("refresh-token"),
    std::string_view("continuationtoken"),
    std::string_view("continuation-token"),
    std::string_view("twofactortoken"),
    std::string_view("hash"),
    std::string_view("challengeresponse"),
};

template <std::size_t N>
bool is_listed(const std::array<std::string_view, N>& names, std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The form as it came, but for the values of secret fields.
std::string redact_form(std::string_view form) {
    std::string shown;
    while (!form.empty()) {
        const auto end = form.find('&');
        const auto pair = form.substr(0, end);
        form.remove_prefix(end == std::string_view::npos ? form.size() : end + 1);
        const auto equals = pair.find('=');
        const auto name = pair.substr(0, equals);
        const bool secret =
            equals != std::string_view::npos &&
            is_listed(secret_fields, text::form_decode(name).value_or(std::string(name)));
        if (!shown.empty()) shown += '&';
        shown += secret ? fmt::format("{}={}", name, blacked_out) : std::string(pair);
    }
    return shown;
}

// parse_json() bounds the depth.
void redact_json(nlohmann::ordered_json& json) {  // NOLINT(misc-no-recursion)
    if (json.is_object()) {
        for (auto& [name, value] : json.items()) {
            if (is_listed(secret_fields, name)) {
                value = blacked_out;
            } else {
                redact_json(value);
            }
        }
    } else if (json.is_array()) {
        for (auto& value : json) redact_json(value);
    }
}

std::string redact_url(const std::string& url) {
    auto shown = url;
    const auto query = shown.find('?');
    if (query != std::string::npos) {
        shown = shown.substr(0, query + 1) + redact_form(std::string_view(url).substr(query + 1));
    }
    const auto scheme = shown.find("://");
    if (scheme == std::string::npos) return shown;
    const auto start = scheme + 3;
    const auto end = std::min(shown.find_first_of("/?#", start), shown.size());
    const auto at = shown.substr(0, end).rfind('@');
    if (at != std::string::npos && at >= start) shown.replace(start, at - start, blacked_out);
    return shown;
}

std::string redact_body(std::string_view type, const std::string& body) {
    if (type.starts_with("application/x-www-form-urlencoded")) return redact_form(body);
    auto json = parse_json(body);
    // A lone string may be a secret itself.
    if (!json || !json->is_structured()) return fmt::format("({} bytes)", body.size());
    redact_json(*json);
    return json->dump();
}

std::string redact_message(const std::string& first, const net::Headers& headers,
                           std::string_view type, const std::string& body) {
    auto shown = first + "\n";
    for (const auto& [name, value] : headers) {
        const auto text = is_listed(secret_headers, name) ? blacked_out : std::string_view(value);
        shown += fmt::format("{}: {}\n", name, text);
    }
    if (!body.empty()) shown += redact_body(type, body) + "\n";
    return shown;
}

std::string_view content_type(const net::ClientRequest& request) {
    const auto type =
        std::find_if(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return header.first == "Content-Type"; });
    return type == request.headers.end() ? std::string_view{} : type->second;
}

/// The values of a request that redact() blacks out.
std::vector<std::string> secrets_of(const net::ClientRequest& request) {
    std::vector<std::string> secrets;
    for (const auto& [name, value] : request.headers) {
        if (is_listed(secret_headers, name)) secrets.push_back(value);
    }
    if (content_type(request).starts_with("application/x-www-form-urlencoded")) {
        for (auto& [name, value] : text::parse_form(request.body)) {
            if (is_listed(secret_fields, name)) secrets.push_back(std::move(value));
        }
    } else if (const auto json = parse_json(request.body); json && json->is_object()) {
        for (const auto& [name, value] : json->items()) {
            if (is_listed(secret_fields, name) && value.is_string()) secrets.push_back(value);
        }
    }
    return secrets;
}

void black_out(std::string& text, const std::string& secret) {
    if (secret.empty()) return;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
        text.replace(at, secret.size(), blacked_out);
        at += blacked_out.size();
    }
}

}  // namespace

std::string redact(const net::ClientRequest& request) {
    return redact_message(fmt::format("{} {}", request.method, redact_url(request.url)),
                          request.headers, content_type(request), request.body);
}

std::string redact(const net::ClientResponse& response, const net::ClientRequest& request) {
    auto shown = redact_message(std::to_string(response.status), response.headers,
                                response.header("Content-Type"), response.body);
    for (const auto& secret : secrets_of(request)) {
        black_out(shown, secret);
        // As JSON and as a form write it.
        const auto quoted =
            nlohmann::json(secret).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        black_out(shown, quoted.substr(1, quoted.size() - 2));
        black_out(shown, text::form_encode(secret));
    }
    return shown;
}

}  // namespace pwh::preservica
