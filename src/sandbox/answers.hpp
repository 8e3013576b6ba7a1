// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "net/http_server.hpp"

namespace pwh::sandbox {

net::Response json_answer(unsigned status, const nlohmann::ordered_json& body);

/// A refusal in the API's way: JSON with a `message`.
net::Response refusal(unsigned status, std::string_view message);

}  // namespace pwh::sandbox
