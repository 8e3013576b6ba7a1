// SPDX-License-Identifier: Apache-2.0
#include "commands/check_endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "net/url.hpp"
#include "preservica/probe.hpp"
#include "preservica/signature.hpp"
#include "sandbox/handshake.hpp"
#include "sandbox/identifiers.hpp"

namespace pwh::commands {

namespace {

using std::chrono::microseconds;
using Kind = net::TransportError::Kind;

/// So many oracle attempts may go unanswered; each costs the whole timeout.
constexpr std::size_t most_unanswered = 2;

bool is_redirect(long status) {
    return status >= 300 && status < 400;
}

std::string redirect_fault(const net::ClientResponse& answer) {
    const auto location = answer.header("Location");
    const auto shown = location.substr(0, std::min(location.find_first_of("?#"), std::size_t{200}));
    return fmt::format(
        "it redirects (status {}) {}{}: do not count on redirects being followed; "
        "subscribe the URL that answers itself",
        answer.status, shown.empty() ? "elsewhere" : "to ", shown);
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

/// Whether 64 hex digits in a row, and no more, are in there.
bool holds_signature_like(std::string_view text) {
    std::size_t run = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        const bool hex = at < text.size() && ((text[at] >= '0' && text[at] <= '9') ||
                                              (text[at] >= 'a' && text[at] <= 'f'));
        if (!hex && run == 2 * sizeof(crypto::Digest)) return true;
        run = hex ? run + 1 : 0;
    }
    return false;
}

/// Another signature than this one, of the right form.
std::string spoil(std::string signature) {
    signature.front() = signature.front() == '0' ? '1' : '0';
    return signature;
}

}  // namespace

std::string_view verdict_word(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "pass";
        case Verdict::warn:
            return "warn";
        case Verdict::fail:
            break;
    }
    return "fail";
}

Betrayal judge_oracle_answer(const net::ClientResponse& answer,
                             const std::vector<std::string>& forged_signatures, bool knows_secret,
                             bool may_sign_other) {
    auto text = answer.body;
    for (const auto& [name, value] : answer.headers) text.append("\n").append(value);
    text = lower(std::move(text));
    for (const auto& signature : forged_signatures) {
        if (text.find(signature) != std::string::npos) return Betrayal::signed_it;
    }
    const bool accepted = answer.status >= 200 && answer.status < 300;
    const bool suspicious = accepted && !knows_secret && !may_sign_other;
    return suspicious && holds_signature_like(text) ? Betrayal::seems_signed_it : Betrayal::none;
}

EndpointCheck::EndpointCheck(net::HttpClient& http, std::string url, std::string secret,
                             WallTime now, Clock clock, OnRequest on_request)
    : http_(http),
      url_(std::move(url)),
      secret_(std::move(secret)),
      now_(now),
      clock_(std::move(clock)),
      on_request_(std::move(on_request)),
      body_(preservica::check_message(now, sandbox::random_id(), sandbox::random_uuid())),
      signature_(preservica::Signer(secret_).sign_event(body_)) {}

std::vector<CheckResult> EndpointCheck::run() {
    check_url();
    check_secret();
    if (!check_handshake() || !check_event()) return std::move(results_);
    check_repeat();
    check_non_ascii();
    check_refusal("wrong-signature", spoil(signature_), "an event with a wrong signature");
    check_refusal("no-signature", {}, "an event without a signature");
    check_oracle();
    check_time();
    return std::move(results_);
}

void EndpointCheck::add(std::string name, Verdict verdict, microseconds took,
                        std::string explanation) {
    results_.push_back({std::move(name), verdict, took, std::move(explanation)});
}

EndpointCheck::Asked EndpointCheck::ask_once(const net::ClientRequest& request) {
    if (on_request_) on_request_(requests_);
    ++requests_;
    Asked asked;
    const auto begin = clock_();
    try {
        asked.answer = http_.perform(request);
    } catch (const net::TransportError& error) {
        if (error.kind() == Kind::broken && requests_ > 1) throw;
        asked.failure = error.what();
        asked.unreachable = error.kind() == Kind::resolve || error.kind() == Kind::connect ||
                            error.kind() == Kind::tls || error.kind() == Kind::proxy ||
                            (error.kind() == Kind::timeout && !error.sent());
    }
    asked.took = std::chrono::duration_cast<microseconds>(clock_() - begin);
    if (asked.answer) slowest_ = std::max(slowest_, asked.took);
    return asked;
}

EndpointCheck::Asked EndpointCheck::ask(const net::ClientRequest& request) {
    try {
        return ask_once(request);
    } catch (const net::TransportError&) {
        // The endpoint may have closed the connection that was kept: that is its right.
    }
    try {
        return ask_once(request);
    } catch (const net::TransportError& error) {
        Asked asked;
        asked.failure = error.what();
        return asked;
    }
}

void EndpointCheck::check_url() {
    const auto url = net::parse_url(url_);
    if (url && url->scheme == "https") {
        add("url", Verdict::pass, {}, "https");
    } else if (url && net::is_loopback(url->host)) {
        add("url", Verdict::pass, {}, "http on this machine: put a TLS proxy or tunnel in front");
    } else {
        add("url", Verdict::warn, {},
            "http without TLS: whoever is on the way can read the events, and hold them back or "
            "send them again");
    }
}

void EndpointCheck::check_secret() {
    const auto weakness = preservica::secret_weakness(secret_);
    add("secret", weakness ? Verdict::warn : Verdict::pass, {},
        weakness ? *weakness + "; pwh secret makes a strong one" : "long enough");
}

bool EndpointCheck::check_handshake() {
    const auto code = sandbox::random_uuid();
    const auto asked = ask(preservica::handshake_request(url_, code));
    const auto say = [&](Verdict verdict, std::string text) {
        add("handshake", verdict, asked.took, std::move(text));
    };
    handshake_answered_ = asked.answer.has_value();
    if (!asked.answer) {
        say(Verdict::fail, asked.failure);
        return !asked.unreachable;
    }
    const auto status = asked.answer->status;
    if (is_redirect(status)) {
        say(Verdict::fail, redirect_fault(*asked.answer));
    } else if (const auto fault =
                   sandbox::fault_of_challenge_answer(*asked.answer, code, secret_)) {
        const bool refused = status == 400 || status == 401 || status == 403;
        say(Verdict::fail,
            *fault + (refused ? ": no subscription can be made to it while it refuses handshakes "
                                "(as pwh listen --no-handshake does)"
                              : ": no subscription can be made to it"));
    } else {
        handshake_passed_ = true;
        say(Verdict::pass, "answered as it has to be");
    }
    return true;
}

std::string EndpointCheck::event_fault(const Asked& asked) const {
    if (!asked.answer) return asked.failure;
    if (is_redirect(asked.answer->status)) return redirect_fault(*asked.answer);
    auto fault =
        fmt::format("a correctly signed event was answered with status {}", asked.answer->status);
    if (!handshake_passed_ && (asked.answer->status == 401 || asked.answer->status == 403)) {
        fault += ": perhaps the endpoint has another secret";
    }
    return fault;
}

bool EndpointCheck::check_event() {
    const auto chunked = ask(preservica::event_request(url_, body_, signature_));
    if (!chunked.answer && !handshake_answered_) {
        add("event", Verdict::fail, chunked.took, event_fault(chunked));
        return false;
    }
    const auto proxied = ask(preservica::proxied_event_request(url_, body_, signature_));
    event_accepted_ = chunked.accepted() || proxied.accepted();
    if (chunked.accepted()) {
        add("event", Verdict::pass, chunked.took, fmt::format("status {}", chunked.answer->status));
    } else {
        add("event", Verdict::fail, chunked.took,
            event_fault(chunked) +
                (proxied.accepted() ? "; the same with a Content-Length is accepted: the endpoint "
                                      "does not read chunked bodies, and Preservica sends those"
                                    : ""));
    }
    if (proxied.accepted()) {
        add("content-length", Verdict::pass, proxied.took,
            fmt::format("status {}", proxied.answer->status));
    } else {
        add("content-length", Verdict::fail, proxied.took,
            event_fault(proxied) +
                (chunked.accepted() ? "; the same in chunks is accepted: a proxy in front may turn "
                                      "them into a Content-Length, with header names in lower case"
                                    : ""));
    }
    return true;
}

void EndpointCheck::check_repeat() {
    if (!event_accepted_) {
        return add("repeat", Verdict::warn, {}, "not tried, since the event was not accepted");
    }
    const auto asked = ask(preservica::event_request(url_, body_, signature_));
    if (asked.accepted()) {
        return add("repeat", Verdict::pass, asked.took,
                   fmt::format("the same event again: status {}", asked.answer->status));
    }
    add("repeat", Verdict::fail, asked.took,
        event_fault(asked) +
            ", when it came again: what is not answered with 2xx may be sent "
            "again and again");
}

void EndpointCheck::check_non_ascii() {
    if (!event_accepted_) {
        return add("non-ascii", Verdict::warn, {}, "not tried, since the event was not accepted");
    }
    const auto body =
        preservica::check_message(now_, sandbox::random_id(), sandbox::random_uuid(), true);
    const auto asked =
        ask(preservica::event_request(url_, body, preservica::Signer(secret_).sign_event(body)));
    if (asked.accepted()) {
        return add(
            "non-ascii", Verdict::pass, asked.took,
            fmt::format("text outside ASCII, signed as UTF-8: status {}", asked.answer->status));
    }
    add("non-ascii", Verdict::warn, asked.took,
        event_fault(asked) +
            ", when it held text outside ASCII: the signature has to be "
            "computed over the bytes of the body as they came");
}

void EndpointCheck::check_refusal(const std::string& name, const std::string& signature,
                                  std::string_view what) {
    const auto asked = ask(preservica::event_request(url_, body_, signature));
    const auto say = [&](Verdict verdict, std::string text) {
        add(name, verdict, asked.took, std::move(text));
    };
    if (!asked.answer) {
        return say(Verdict::fail,
                   fmt::format("{} was not answered: {}; answer it with 401, and at once", what,
                               asked.failure));
    }
    const auto status = asked.answer->status;
    if (asked.accepted()) {
        return say(Verdict::fail,
                   fmt::format("{} was accepted (status {}): anyone who knows the URL can send "
                               "forged events",
                               what, status));
    }
    if (is_redirect(status)) return say(Verdict::fail, redirect_fault(*asked.answer));
    if (status == 400 || status == 401 || status == 403) {
        return say(Verdict::pass, fmt::format("refused with status {}", status));
    }
    say(Verdict::warn, fmt::format("{} was answered with status {}, which is no clear refusal: "
                                   "answer it with 401",
                                   what, status));
}

EndpointCheck::OracleFindings EndpointCheck::ask_oracle() {
    const auto attempts = preservica::oracle_attempts(url_, std::string(preservica::forged_message),
                                                      sandbox::random_uuid());
    preservica::Signer signer(secret_);
    OracleFindings found;
    found.known = attempts.size();
    for (const auto& attempt : attempts) {
        if (found.unanswered == most_unanswered) break;
        const auto asked = ask(attempt.request);
        ++found.tried;
        found.took += asked.took;
        if (!asked.answer) {
            ++found.unanswered;
            continue;
        }
        std::vector<std::string> signatures;
        for (const auto& body : attempt.forged_bodies) {
            signatures.push_back(signer.sign_event(body));
        }
        const auto betrayal = judge_oracle_answer(*asked.answer, signatures, handshake_passed_,
                                                  attempt.may_sign_other);
        if (betrayal == Betrayal::none) continue;
        auto& ways = betrayal == Betrayal::signed_it ? found.signing : found.suspicious;
        ways += (ways.empty() ? "" : ", ") + attempt.way;
    }
    return found;
}

void EndpointCheck::check_oracle() {
    static constexpr auto danger =
        "Anyone who knows the URL can have a forged event signed by the handshake, and then send "
        "it: the receiver will take it for Preservica's. Let it refuse, with status 400, every "
        "challengeCode that begins with preservica-webhook-auth once decoded, and change the "
        "secret afterwards";
    const auto found = ask_oracle();
    const auto say = [&](Verdict verdict, std::string text) {
        add("oracle", verdict, found.took, std::move(text));
    };
    if (!found.signing.empty()) {
        say(Verdict::fail,
            fmt::format("OPEN TO FORGERY: it signs the text of an event as if it were a challenge "
                        "code (sent {}). {}",
                        found.signing, danger));
    } else if (!found.suspicious.empty()) {
        say(Verdict::fail,
            fmt::format("it seems OPEN TO FORGERY: it answers the text of an event, sent as a "
                        "challenge code ({}), with what looks like a signature under a secret "
                        "that is not this one. {}",
                        found.suspicious, danger));
    } else if (found.unanswered > 0) {
        say(Verdict::warn,
            fmt::format("no forged event was signed in {} of {} ways of asking, but {} of them "
                        "got no answer: answer them with 400",
                        found.tried, found.known, found.unanswered));
    } else {
        say(Verdict::pass,
            fmt::format("no forged event was signed, in {} ways of asking", found.tried));
    }
}

void EndpointCheck::check_time() {
    const bool in_time = slowest_ <= slow;
    add("time", in_time ? Verdict::pass : Verdict::warn, slowest_,
        in_time
            ? "the slowest answer"
            : fmt::format("the slowest answer took more than {} s: how long Preservica waits is "
                          "not known; answer first, and work afterwards",
                          slow.count()));
}

}  // namespace pwh::commands
