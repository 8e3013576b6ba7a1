// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pwh::settings {

/// Sections, each with its keys (lower case) and values. `DEFAULT`'s keys are in every section, as
/// configparser has it, and `DEFAULT` itself is not listed.
using Properties = std::map<std::string, std::map<std::string, std::string>>;

/// The text is not what configparser would read; what() has no content of the file in it.
class PropertiesError : public std::runtime_error {
  public:
    PropertiesError(std::size_t line, const std::string& message)
        : std::runtime_error(message), line_(line) {}
    /// Counted from 1.
    std::size_t line() const noexcept { return line_; }

  private:
    std::size_t line_;
};

/// Reads as Python's `configparser.ConfigParser(interpolation=None)` does, but for a leading BOM,
/// which is skipped. Throws PropertiesError.
Properties parse_properties(std::string_view text);

}  // namespace pwh::settings
