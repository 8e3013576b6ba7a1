// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pwh::text {

/// True when `bytes` is well-formed UTF-8 (no overlong forms, no surrogates, up to U+10FFFF).
bool is_utf8(std::string_view bytes);

/// The length in bytes of the well-formed UTF-8 sequence that starts at `bytes[at]`; 0 when it is
/// none.
std::size_t utf8_sequence(std::string_view bytes, std::size_t at);

/// The same text in Latin-1; nothing when `bytes` is not UTF-8 or holds a character above U+00FF.
std::optional<std::string> utf8_to_latin1(std::string_view bytes);

/// The text with every control character (C0, DEL, C1) but a tab shown as `\xHH`, and every byte
/// that is not UTF-8 likewise: safe to print on a terminal, whoever wrote it.
std::string printable(std::string_view text);

/// How many terminal columns `text` takes: 0 for combining marks, 2 for wide East Asian characters.
std::size_t display_width(std::string_view text);

}  // namespace pwh::text
