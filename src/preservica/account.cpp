// SPDX-License-Identifier: Apache-2.0
#include "preservica/account.hpp"

#include <algorithm>
#include <array>

#include "preservica/failure.hpp"

namespace pwh::preservica {

namespace {

constexpr std::array administrative_roles{std::string_view("ROLE_SDB_ADMIN_USER"),
                                          std::string_view("ROLE_SDB_MANAGER_USER"),
                                          std::string_view("ROLE_SDB_CONFIG_MANAGER_USER")};
constexpr std::string_view version_element = "CurrentVersion";
constexpr std::size_t longest_version = 64;

std::string_view trim(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n";
    const auto first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

bool is_version(std::string_view text) {
    return !text.empty() && text.size() <= longest_version &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                      c == '.' || c == '-' || c == '_' || c == '+';
           });
}

/// What stands between an element's start tag, whatever its prefix and attributes, and the next
/// tag. `at` is where the element's name is.
std::optional<std::string_view> element_text(std::string_view xml, std::size_t at) {
    const auto before = xml.substr(0, at);
    const auto open = before.rfind('<');
    if (open == std::string_view::npos) return std::nullopt;
    const auto prefix = before.substr(open + 1);
    if (!prefix.empty() && prefix.find_first_of(" \t\r\n/!?>") != std::string_view::npos)
        return std::nullopt;
    if (!prefix.empty() && prefix.back() != ':') return std::nullopt;
    const auto rest = xml.substr(at + version_element.size());
    if (rest.empty() || std::string_view(" \t\r\n>").find(rest.front()) == std::string_view::npos)
        return std::nullopt;
    const auto close = rest.find('>');
    if (close == std::string_view::npos || (close > 0 && rest[close - 1] == '/'))
        return std::nullopt;
    const auto text = rest.substr(close + 1);
    const auto end = text.find('<');
    if (end == std::string_view::npos) return std::nullopt;
    return trim(text.substr(0, end));
}

}  // namespace

std::vector<std::string> Account::roles() {
    const std::string doing = "ask for the user's roles";
    const auto response =
        session_.call({"GET", {}, {{"Accept", "application/json"}}, {}}, "/api/user/details");
    if (response.status != 200) throw explain_failure(response, doing);
    const auto json = parse_answer(response, doing);
    const auto found = json.is_object() ? json.find("roles") : json.end();
    if (!json.is_object() || found == json.end() || !found->is_array()) {
        throw Error(ExitCode::unavailable, "cannot " + doing + ": the answer holds no roles",
                    "check --server: it has to be the host of Preservica's API");
    }
    std::vector<std::string> roles;
    for (const auto& role : *found) {
        if (role.is_string()) roles.push_back(role.get<std::string>());
    }
    return roles;
}

std::optional<std::string> Account::version() {
    const auto response = session_.call({"GET", {}, {{"Accept", "application/xml"}}, {}},
                                        "/api/entity/versiondetails/version");
    if (response.status >= 500 || response.status == 429) {
        throw explain_failure(response, "ask for the server's version");
    }
    if (response.status != 200) return std::nullopt;
    return current_version(response.body);
}

bool allow_webhook_administration(const std::vector<std::string>& roles) {
    return std::any_of(roles.begin(), roles.end(), [](const std::string& role) {
        return std::find(administrative_roles.begin(), administrative_roles.end(), role) !=
               administrative_roles.end();
    });
}

std::optional<std::string> current_version(std::string_view xml) {
    constexpr std::size_t farthest = 64U << 10U;
    xml = xml.substr(0, farthest);
    for (auto at = xml.find(version_element); at != std::string_view::npos;
         at = xml.find(version_element, at + version_element.size())) {
        const auto text = element_text(xml, at);
        if (text && is_version(*text)) return std::string(*text);
    }
    return std::nullopt;
}

}  // namespace pwh::preservica
