// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace pwh::app {

/// `-o xml is none of table, json, tsv`, as typed, where `error` says that an option lacks its
/// value or got one that is not of its kind; nothing for another error.
std::optional<std::string> wrong_value(const CLI::ParseError& error, const CLI::App& app,
                                       const std::vector<std::string>& arguments);

}  // namespace pwh::app
