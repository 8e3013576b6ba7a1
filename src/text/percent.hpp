// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pwh::text {

/// Decodes one component of `application/x-www-form-urlencoded` (WHATWG URL: `+` is a space), once.
/// Nothing when a `%` is not followed by two hex digits.
std::optional<std::string> form_decode(std::string_view encoded);

/// Encodes one component: all but A-Z a-z 0-9 - . _ * is escaped, a space becomes `+`.
std::string form_encode(std::string_view text);

using FormFields = std::vector<std::pair<std::string, std::string>>;

/// Decodes `a=1&b=2`, in order, repeats kept; a piece that does not decode is kept as it came.
FormFields parse_form(std::string_view form);

/// Encodes fields in order.
std::string encode_form(const FormFields& fields);

}  // namespace pwh::text
