// SPDX-License-Identifier: Apache-2.0
#include "preservica/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/crypto.hpp"
#include "net/url.hpp"
#include "preservica/failure.hpp"
#include "text/percent.hpp"

namespace pwh::preservica {

namespace {

constexpr auto login_path = "/api/accesstoken/login";
constexpr auto token_header = "Preservica-Access-Token";
constexpr auto credentials_hint =
    "check --username (PRESERVICA_USERNAME), PRESERVICA_PASSWORD, --tenant (PRESERVICA_TENANT) and "
    "the "
    "credentials file; `pwh whoami -v` says where each comes from";

std::string string_field(const nlohmann::ordered_json& json, const char* name) {
    const auto field = json.find(name);
    return field != json.end() && field->is_string() ? field->get<std::string>() : std::string();
}

/// A token goes into a header: anything but visible ASCII there is no token of Preservica's.
bool is_token(const std::string& token) {
    constexpr std::size_t longest = 4096;
    return !token.empty() && token.size() <= longest &&
           std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

struct Login {
    std::string token;
    std::string tenant;  ///< empty where the answer does not say it
};

Login read_login(const net::ClientResponse& response, const std::string& doing) {
    const auto json = parse_answer(response, doing);
    const auto bad = [&doing](const char* what) {
        return Error(ExitCode::unavailable, fmt::format("cannot {}: {}", doing, what),
                     "check --server: it has to be the host of Preservica's API");
    };
    if (!json.is_object()) throw bad("the answer is not what Preservica's login answers");
    Login login{string_field(json, "token"), string_field(json, "tenant")};
    if (!is_token(login.token)) throw bad("the answer holds no access token");
    return login;
}

/// What a refused login asks for. A second factor is finished with complete-2fa, which pwh does not
/// do.
Error refused_login(const net::ClientResponse& response, const std::string& who) {
    const auto message = server_message(response);
    if (message == second_factor_needed) {
        return {ExitCode::unauthenticated,
                fmt::format("{} needs a second factor to sign in, which pwh cannot give", who),
                "use an account without two-factor authentication"};
    }
    if (message == second_factor_not_set_up) {
        return {ExitCode::unauthenticated,
                fmt::format("{} has to set up a second factor first", who),
                "sign in to Preservica's web interface once and set it up there"};
    }
    return {ExitCode::unauthenticated,
            with_server_message(fmt::format("the login of {} was refused", who), response),
            credentials_hint};
}

}  // namespace

std::string Server::key() const {
    const auto parsed = net::parse_host_port(address);
    if (!parsed) return address;
    const std::uint16_t own_port = protocol == "http" ? 80 : 443;
    const auto port = parsed->port.value_or(own_port);
    auto key = net::join_host_port(parsed->host, port);
    if (port == own_port) key.erase(key.rfind(':'));
    return key;
}

Session::Session(net::HttpClient& http, Server server, Credentials credentials,
                 AskPassword ask_password, const Diagnostics& diagnostics)
    : http_(http),
      server_(std::move(server)),
      credentials_(std::move(credentials)),
      ask_password_(std::move(ask_password)),
      diagnostics_(diagnostics),
      tenant_(credentials_.tenant.value_or("")) {}

const std::string& Session::tenant() {
    if (tenant_.empty()) sign_in();
    if (tenant_.empty()) {
        throw Error(ExitCode::unavailable,
                    fmt::format("{} does not say which tenant {} belongs to", server_.address,
                                credentials_.username),
                    "set it: --tenant, PRESERVICA_TENANT, or tenant in the credentials file");
    }
    return tenant_;
}

net::ClientResponse Session::call(net::ClientRequest request, const std::string& path) {
    request.url = server_.base_url() + path;
    if (token_.empty()) sign_in();
    request.headers.emplace_back(token_header, token_);
    auto response = http_.perform(request);
    if (response.status != 401) return response;
    diagnostics_.detail("the access token is no longer accepted; signing in again");
    sign_in();
    request.headers.back().second = token_;
    response = http_.perform(request);
    if (response.status != 401) return response;
    token_.clear();
    throw Error(
        ExitCode::unauthenticated,
        with_server_message(fmt::format("{} does not accept the access token that it has just "
                                        "given to {}",
                                        server_.address, credentials_.username),
                            response),
        credentials_hint);
}

void Session::sign_in() {
    token_.clear();
    if (credentials_.username.empty()) {
        throw UsageError(
            "no username is set",
            "set it: --username, PRESERVICA_USERNAME, or username in the credentials file");
    }
    if (!credentials_.password) credentials_.password = ask_password_();
    const auto who = fmt::format("{} at {}", credentials_.username, server_.address);
    diagnostics_.detail(fmt::format("signing in as {}", who));

    text::FormFields fields{{"username", credentials_.username},
                            {"password", *credentials_.password}};
    if (credentials_.tenant) {
        fields.emplace_back("tenant", *credentials_.tenant);
    } else {
        fields.emplace_back("includeUserDetails", "true");
    }
    net::ClientRequest request{
        "POST",
        server_.base_url() + login_path,
        {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
        text::encode_form(fields)};
    auto response = http_.perform(request);
    crypto::wipe(request.body);
    drop_echo(response, *credentials_.password);
    take_login(response, who);
}

void Session::take_login(const net::ClientResponse& response, const std::string& who) {
    const auto doing = fmt::format("sign in as {}", who);
    const auto status = response.status;
    if (status == 400 || status == 401 || status == 403) throw refused_login(response, who);
    if (status != 200) throw explain_failure(response, doing);
    auto login = read_login(response, doing);
    token_ = std::move(login.token);
    if (tenant_.empty()) tenant_ = std::move(login.tenant);
}

}  // namespace pwh::preservica
