// SPDX-License-Identifier: Apache-2.0
#include "app/wrong_value.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "app/help.hpp"

namespace pwh::app {

namespace {

/// The option that a message of CLI11 is about: `--output: xml not in …`, `Could not convert:
/// --emit = fast`.
const CLI::Option* option_of(std::string_view message, const CLI::App& app) {
    const auto start = message.find("--");
    if (start == std::string_view::npos) return nullptr;
    const auto name =
        std::string(message.substr(start, message.find_first_of(": ", start) - start));
    for (const auto* sub : app.get_subcommands()) {
        if (const auto* option = sub->get_option_no_throw(name)) return option;
    }
    return app.get_option_no_throw(name);
}

/// Its name as it was typed.
std::string typed_name(const CLI::Option& option, const std::vector<std::string>& arguments) {
    auto name = "--" + option.get_lnames().front();
    const bool is_long = std::any_of(arguments.begin(), arguments.end(), [&](const auto& each) {
        return each == name || each.starts_with(name + "=");
    });
    if (is_long || option.get_snames().empty()) return name;
    return "-" + option.get_snames().front();
}

/// CLI11 looks at every value of an option that was given more than once.
std::string wrong_one(const CLI::Option& option, std::string_view message) {
    const auto& values = option.results();
    if (values.empty()) return {};
    const auto named = std::find_if(values.begin(), values.end(), [&](const std::string& each) {
        return message.find(each + " not in ") != std::string_view::npos;
    });
    return named == values.end() ? values.back() : *named;
}

/// `1` and `100` of ` in [1 - 100]`.
std::string range_text(std::string_view range) {
    const auto dash = range.find(" - ");
    const auto low = range.substr(0, dash);
    const auto high = range.substr(dash + 3, range.find(']') - dash - 3);
    return fmt::format(" from {} to {}", low, high);
}

/// What its value has to be, told from its type and what its validator says of itself.
std::string wanted(const CLI::Option& option) {
    const auto described = option.get_type_name();
    if (const auto set = described.find(":{"); set != std::string::npos) {
        auto names = described.substr(set + 2, described.find('}', set) - set - 2);
        for (auto at = names.find(','); at != std::string::npos; at = names.find(',', at + 2)) {
            names.replace(at, 1, ", ");
        }
        return "none of " + names;
    }
    const auto type = type_name(option);
    const std::string noun = type == "S"       ? "number of seconds"
                             : type == "BYTES" ? "number of bytes"
                             : type == "N"     ? "whole number"
                                               : "number";
    if (described.find(":POSITIVE") != std::string::npos) return "no positive " + noun;
    const auto range = described.find(" in [");
    if (range == std::string::npos) return "no " + noun;
    return "no " + noun + range_text(std::string_view(described).substr(range + 5));
}

}  // namespace

std::optional<std::string> wrong_value(const CLI::ParseError& error, const CLI::App& app,
                                       const std::vector<std::string>& arguments) {
    const std::string_view message = error.what();
    const bool missing = dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr;
    if (!missing && dynamic_cast<const CLI::ValidationError*>(&error) == nullptr &&
        dynamic_cast<const CLI::ConversionError*>(&error) == nullptr) {
        return std::nullopt;
    }
    const auto* option = option_of(message, app);
    if (option == nullptr || option->get_items_expected_max() == 0) return std::nullopt;
    const auto name = typed_name(*option, arguments);
    if (missing) return fmt::format("{} needs a value", name);
    return fmt::format("{} {} is {}", name, wrong_one(*option, message), wanted(*option));
}

}  // namespace pwh::app
