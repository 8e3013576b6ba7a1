// SPDX-License-Identifier: Apache-2.0
#include "receiver/judgement.hpp"

#include "preservica/signature.hpp"

namespace pwh::receiver {

namespace {

/// The one well-formed signature of a request, or why there is none.
std::optional<crypto::Digest> find_signature(const net::RequestHead& head, std::string_view& why) {
    std::optional<std::string_view> value;
    bool differ = false;
    head.each_field(preservica::signature_header, [&](std::string_view each) {
        differ = differ || (value && *value != each);
        value = each;
    });
    if (!value) {
        why = "it has no signature";
        return std::nullopt;
    }
    if (differ) {
        why = "it has two signatures that differ";
        return std::nullopt;
    }
    auto signature = preservica::parse_signature(*value);
    if (!signature) why = "its signature is malformed";
    return signature;
}

}  // namespace

Judgement judge(const net::RequestHead& head, const Rules& rules) {
    Judgement judgement;
    const auto path = head.path();
    const bool reads = head.method() == "GET" || head.method() == "HEAD";
    if (reads && path == health_path) {
        judgement.kind = Judgement::Kind::health;
        return judgement;
    }
    if (!rules.path.empty() && path != rules.path) {
        judgement.kind =
            path == health_path ? Judgement::Kind::wrong_method : Judgement::Kind::wrong_path;
        return judgement;
    }
    if (head.method() != "POST") {
        judgement.kind = Judgement::Kind::wrong_method;
        return judgement;
    }
    judgement.challenge = find_challenge(head.query());
    if (judgement.challenge.kind == Challenge::Kind::signable && !rules.handshake) {
        judgement.challenge = {Challenge::Kind::refused, {}, "handshakes are off (--no-handshake)"};
    }
    if (const auto signature = find_signature(head, judgement.why)) {
        judgement.kind = Judgement::Kind::event;
        judgement.signature = *signature;
        return judgement;
    }
    switch (judgement.challenge.kind) {
        case Challenge::Kind::none:
            judgement.kind = Judgement::Kind::unsigned_;
            break;
        case Challenge::Kind::signable:
            judgement.kind = Judgement::Kind::handshake;
            break;
        case Challenge::Kind::refused:
            judgement.kind = Judgement::Kind::bad_challenge;
            break;
    }
    return judgement;
}

}  // namespace pwh::receiver
