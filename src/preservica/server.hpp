// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pwh::preservica {

struct Server {
    std::string protocol = "https";
    std::string address;  ///< HOST or HOST:PORT, as set

    std::string base_url() const { return protocol + "://" + address; }
    /// What secrets and tokens are kept under: lower case, the protocol's own port left out.
    std::string key() const;
};

}  // namespace pwh::preservica
