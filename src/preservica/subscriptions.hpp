// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "preservica/session.hpp"

namespace pwh::preservica {

/// A subscription as Preservica answered it: the fields pwh depends on, and the whole of it,
/// unknown fields too, in the order they came.
struct Subscription {
    std::string id;
    std::string url;
    std::string trigger;  ///< the API's name, known to pwh or not
    nlohmann::ordered_json fields;
};

struct NewSubscription {
    std::string url;
    std::string trigger;
    std::string secret;
    bool include_identifiers = true;
};

/// Preservica asked the URL for the handshake and did not like the answer.
class HandshakeRefused : public Error {
  public:
    using Error::Error;
};

/// The webhook endpoints, `/api/webhook/subscriptions`. Every function throws what Session::call
/// throws, and Error with the code and the words that explain_failure() finds for a status that is
/// no success, or an answer that is not what the API promises.
class Subscriptions {
  public:
    explicit Subscriptions(Session& session) : session_(session) {}

    std::vector<Subscription> list();
    /// Throws HandshakeRefused (exit 3) when the URL did not pass. Never repeated by itself: a
    /// TransportError whose sent() is true leaves open whether the subscription was made; an answer
    /// of 5xx, and a success that can't be read, are such errors too.
    Subscription create(const NewSubscription& wanted);
    /// False when there is no such subscription (404).
    bool remove(const std::string& id);

  private:
    Session& session_;
};

}  // namespace pwh::preservica
