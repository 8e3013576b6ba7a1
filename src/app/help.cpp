// SPDX-License-Identifier: Apache-2.0
#include "app/help.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "app/app.hpp"
#include "base/error.hpp"
#include "text/utf8.hpp"

namespace pwh::app {

namespace {

constexpr auto exit_codes =
    R"(0  done (a filter that matches nothing is done, too)
1  any other failure
2  the command line or a setting is wrong
3  check, send: the endpoint failed or did not answer; verify: the signature
   does not match; subscribe: Preservica refused because the endpoint did not
   pass the handshake
4  not authenticated: no or wrong credentials, second factor missing
5  not allowed: the user lacks the role
6  no such subscription (secret: none stored)
7  Preservica or the network is not available
8  time ran out before --max-events were seen
9  status: something is wrong

sandbox -- COMMAND exits with COMMAND's code, and so does events -- COMMAND
where it is not 0: 126 cannot run, 127 not found, 128+N ended by signal N.
Where several things fail in one run, the first decides.
)";

constexpr std::size_t width = 80;
constexpr std::size_t text_column = 28;

/// Words in lines of at most 80 columns, each indented but the first, which starts at `column`.
std::string wrap(std::string_view text, std::size_t indent, std::size_t column) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(' ', at), text.size());
        const auto word = text.substr(at, end - at);
        at = end + 1;
        if (word.empty()) continue;
        const auto columns = text::display_width(word);
        if (column > indent && column + 1 + columns > width) {
            out += '\n' + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += columns;
    }
    return out + '\n';
}

std::string entry(const std::string& name, const std::string& description) {
    auto line = "  " + name;
    if (line.size() + 2 > text_column)
        return line + '\n' + std::string(text_column, ' ') +
               wrap(description, text_column, text_column);
    line.resize(text_column, ' ');
    return line + wrap(description, text_column, text_column);
}

bool repeats(const CLI::Option& option) {
    return option.get_expected_max() >= CLI::detail::expected_max_vector_size;
}

std::string option_entry(const CLI::Option& option) {
    const auto type = type_name(option);
    auto name = option.get_name(false, true) + (type.empty() ? "" : " " + type);
    if (repeats(option)) name += "...";
    auto description = option.get_description();
    if (option.get_required()) description += " (required)";
    if (!type.empty() && !option.get_default_str().empty()) {
        description += fmt::format(" (default: {})", option.get_default_str());
    }
    return entry(name, description);
}

std::string usage(const CLI::App& app, const std::string& name) {
    auto text = "Usage: " + name;
    for (const auto* option : app.get_options()) {
        if (option->nonpositional() && option->get_required()) {
            text += fmt::format(" {} {}", option->get_name(false, false), type_name(*option));
        }
    }
    text += " [OPTIONS]";
    for (const auto* option : app.get_options()) {
        if (!option->get_positional()) continue;
        const auto argument = option->get_name(true, false) + (repeats(*option) ? "..." : "");
        text += option->get_required() ? " " + argument : fmt::format(" [{}]", argument);
    }
    if (!app.get_subcommands({}).empty()) text += " [SUBCOMMAND]";
    const auto table = command_table();
    const bool runs_command =
        std::any_of(table.begin(), table.end(), [&app](const commands::Command& each) {
            return each.runs_command && each.name == app.get_name();
        });
    return text + (runs_command ? " [-- COMMAND...]\n" : "\n");
}

std::string options(const CLI::App& app) {
    std::string positionals;
    std::string others;
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            positionals += entry(option->get_name(true, false), option->get_description());
        } else {
            others += option_entry(*option);
        }
    }
    if (!positionals.empty()) positionals = "\nArguments:\n" + positionals;
    return fmt::format("{}\nOptions:\n{}", positionals, others);
}

std::string subcommands(const CLI::App& app) {
    const auto commands = app.get_subcommands({});
    if (commands.empty()) return "\nThe global options (pwh help) may stand here, too.\n";
    std::string text = "\nSubcommands:\n";
    for (const auto* command : commands) {
        text += entry(command->get_name(), command->get_description());
    }
    return text;
}

/// Paragraphs are filled; a line that is indented stands as it is.
std::string footer(const std::string& text) {
    std::string out;
    std::string paragraph;
    const auto fill = [&] {
        if (!paragraph.empty()) out += wrap(paragraph, 0, 0);
        paragraph.clear();
    };
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = text.substr(at, end - at);
        at = end + 1;
        if (line.empty() || line.front() == ' ') {
            fill();
            out += line + '\n';
        } else {
            paragraph += (paragraph.empty() ? "" : " ") + line;
        }
    }
    fill();
    return out.empty() ? out : '\n' + out;
}

/// App::help() would explain the command that was chosen, which is `help`, in lines of any width.
std::string explain(const CLI::App& app, const std::string& name) {
    return app.get_description() + '\n' + usage(app, name) + options(app) + subcommands(app) +
           footer(app.get_footer());
}

}  // namespace

std::string type_name(const CLI::Option& option) {
    if (option.get_items_expected_max() == 0) return {};
    auto name = option.get_type_name();
    // What validators say of themselves is behind it, and not for people.
    for (const auto* const mark :
         {":{", ":POSITIVE", ":NONNEGATIVE", ":INT in", ":UINT in", ":FLOAT in"}) {
        name.resize(std::min(name.find(mark), name.size()));
    }
    if (name != "TEXT" || option.get_lnames().empty()) return name;
    name = option.get_lnames().front();
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return name;
}

std::string help_text(const CLI::App& app, const std::string& topic) {
    if (topic.empty()) return explain(app, "pwh");
    if (topic == "exit-codes") return exit_codes;
    const auto commands =
        app.get_subcommands([&](const CLI::App* each) { return each->get_name() == topic; });
    if (commands.empty()) {
        throw UsageError(fmt::format("there is no help for '{}'", topic),
                         "pwh help lists the commands; there is also pwh help exit-codes");
    }
    return explain(*commands.front(), "pwh " + topic);
}

}  // namespace pwh::app
