// SPDX-License-Identifier: Apache-2.0
#include "sandbox/answers.hpp"

namespace pwh::sandbox {

net::Response json_answer(unsigned status, const nlohmann::ordered_json& body) {
    net::Response response;
    response.status = status;
    response.content_type = "application/json";
    // The text that comes back from clients and receivers need not be UTF-8.
    response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    return response;
}

net::Response refusal(unsigned status, std::string_view message) {
    return json_answer(status, {{"success", false}, {"message", message}});
}

}  // namespace pwh::sandbox
