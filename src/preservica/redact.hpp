// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/http_client.hpp"

namespace pwh::preservica {

/// An exchange as -vv shows it, a line for each header and one for the body, with passwords,
/// tokens, secrets and signatures blacked out. A body that is neither a form nor JSON is shown by
/// its size.
std::string redact(const net::ClientRequest& request);
/// Secrets that `request` held are blacked out in its answer, too, wherever the server repeats
/// them.
std::string redact(const net::ClientResponse& response, const net::ClientRequest& request = {});

}  // namespace pwh::preservica
