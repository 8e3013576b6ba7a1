// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pwh::receiver {

/// Walks through JSON text (RFC 8259, strict, valid UTF-8) without recursion and without building
/// anything: time and memory are linear in the text, however deep it is nested.
class JsonScanner {
  public:
    explicit JsonScanner(std::string_view text) : text_(text) {}

    /// The next byte that is no white space; '\0' at the end.
    char peek();
    /// Takes `c` if it comes next.
    bool take(char c);
    /// Takes a string, and gives its raw text with the quotes; nothing when none comes.
    std::optional<std::string_view> string();
    /// Takes any value, and gives its raw text.
    std::optional<std::string_view> value();
    /// True when only white space is left.
    bool at_end() { return peek() == '\0' && at_ == text_.size(); }

  private:
    bool skip_value();
    bool skip_scalar();
    bool skip_string();
    bool skip_escape();
    bool skip_number();
    bool skip_digits();
    bool skip_name();
    bool skip_word(std::string_view word);
    bool close_containers();

    std::string_view text_;
    std::size_t at_ = 0;
    std::string open_;  ///< the containers around, outermost first: `{` or `[`
};

/// The characters of a raw JSON string (with quotes) that JsonScanner found, as UTF-8. A lone
/// surrogate becomes the three bytes that UTF-8 would give it, so that different strings stay
/// different.
std::string decode_json_string(std::string_view raw);

}  // namespace pwh::receiver
