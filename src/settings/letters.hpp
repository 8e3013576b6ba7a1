// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// White space and case as Python's `str` knows them, on UTF-8. Every text here must be UTF-8.
namespace pwh::settings {

/// `str.rstrip()`.
std::string_view strip_end(std::string_view text);

/// `str.strip()`.
std::string_view strip(std::string_view text);

/// How many white-space characters (not bytes) `text` starts with.
std::size_t indentation(std::string_view text);

/// `str.lower()` for Latin-1 and Latin Extended-A, modern Greek, Cyrillic and Armenian; capitals of
/// other scripts stay.
std::string lower(std::string_view text);

}  // namespace pwh::settings
