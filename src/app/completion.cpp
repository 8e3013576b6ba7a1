// SPDX-License-Identifier: Apache-2.0
#include "app/completion.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <string_view>

#include "app/app.hpp"
#include "app/help.hpp"
#include "commands/complete.hpp"
#include "text/utf8.hpp"

namespace pwh::app {

namespace {

using commands::Candidate;
using Candidates = std::vector<Candidate>;

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() != 0;
}

bool runs_command(const std::string& name) {
    const auto table = command_table();
    return std::any_of(table.begin(), table.end(), [&name](const commands::Command& each) {
        return each.name == name && each.runs_command;
    });
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
    const auto found =
        app.get_subcommands([&name](const CLI::App* each) { return each->get_name() == name; });
    return found.empty() ? nullptr : found.front();
}

/// Of `--name=value` and `--name` the option, of a cluster of letters the last that is one.
const CLI::Option* find_option(const CLI::App& app, std::string_view word) {
    const bool is_long = word.starts_with("--");
    const auto name = is_long ? word.substr(2, word.find('=') - 2) : word.substr(word.size() - 1);
    const auto options = app.get_options([&](const CLI::Option* each) {
        const auto& names = is_long ? each->get_lnames() : each->get_snames();
        return std::find(names.begin(), names.end(), name) != names.end();
    });
    return options.empty() ? nullptr : options.front();
}

/// The words up to the last, understood as far as completing that needs.
class Reading {
  public:
    Reading(const CLI::App& app, const std::vector<std::string>& words)
        : app_(app), command_(&app) {
        for (std::size_t i = 0; i + 1 < words.size() && understood_ && !command_at_; ++i) {
            read(words[i], i);
        }
        if (!words.empty()) last_ = words.back();
    }

    bool understood() const { return understood_; }
    const CLI::App& command() const { return *command_; }
    bool has_command() const { return command_ != &app_; }
    const std::string& last() const { return last_; }
    /// The option whose value the last word is.
    const CLI::Option* pending() const {
        const bool joined = last_.starts_with("--") && last_.find('=') != std::string::npos;
        const auto* option = joined ? find(last_) : pending_;
        return option != nullptr && takes_value(*option) ? option : nullptr;
    }
    const std::vector<std::string>& arguments() const { return arguments_; }
    std::optional<std::size_t> command_at() const { return command_at_; }
    /// What an option that the words hold is set to.
    std::optional<std::string> value(const std::string& name) const {
        const auto found = std::find_if(values_.rbegin(), values_.rend(),
                                        [&name](const auto& each) { return each.first == name; });
        if (found == values_.rend()) return std::nullopt;
        return found->second;
    }

  private:
    const CLI::Option* find(std::string_view word) const {
        const auto* option = find_option(*command_, word);
        return option != nullptr ? option : find_option(app_, word);
    }

    void read(const std::string& word, std::size_t at) {
        if (pending_ != nullptr) {
            keep(*pending_, word);
            pending_ = nullptr;
        } else if (word == "--") {
            understood_ = has_command() && runs_command(command_->get_name());
            if (understood_) command_at_ = at + 1;
        } else if (word.size() > 1 && word.front() == '-') {
            read_option(word);
        } else if (has_command()) {
            arguments_.push_back(word);
        } else {
            const auto* command = find_command(app_, word);
            understood_ = command != nullptr;
            if (understood_) command_ = command;
        }
    }

    void read_option(const std::string& word) {
        const auto* option = find(word);
        if (option == nullptr || !takes_value(*option)) return;
        const auto equals = word.find('=');
        if (equals == std::string::npos) {
            pending_ = option;
        } else {
            keep(*option, word.substr(equals + 1));
        }
    }

    void keep(const CLI::Option& option, const std::string& value) {
        if (!option.get_lnames().empty()) values_.emplace_back(option.get_lnames().front(), value);
    }

    const CLI::App& app_;
    const CLI::App* command_;
    const CLI::Option* pending_ = nullptr;
    std::optional<std::size_t> command_at_;
    std::vector<std::string> arguments_;
    std::vector<std::pair<std::string, std::string>> values_;
    std::string last_;
    bool understood_ = true;
};

/// The global options that decide where profiles and subscriptions are looked for.
settings::Flags flags_of(const Reading& reading, const Environment& environment) {
    const auto path = [&](const std::string& name) {
        auto value = reading.value(name);
        // Shells hand the word over before they expand it.
        if (value && value->starts_with("~/")) {
            value->replace(0, 1, environment("HOME").value_or("~"));
        }
        return value;
    };
    settings::Flags flags;
    flags.credentials = path("credentials");
    flags.state_dir = path("state-dir");
    flags.profile = reading.value("profile");
    flags.server = reading.value("server");
    flags.protocol = reading.value("protocol");
    return flags;
}

Candidates command_candidates(const CLI::App& app) {
    Candidates candidates;
    for (const auto* command : app.get_subcommands({})) {
        candidates.push_back({command->get_name(), command->get_description()});
    }
    return candidates;
}

void add_options(const CLI::App& app, Candidates& candidates) {
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            candidates.push_back({"--" + name, option->get_description()});
        }
        for (const auto& name : option->get_snames()) {
            candidates.push_back({"-" + name, option->get_description()});
        }
    }
}

Candidates option_candidates(const Reading& reading, const CLI::App& app) {
    Candidates candidates;
    add_options(reading.command(), candidates);
    if (!reading.has_command()) return candidates;
    Candidates global;
    add_options(app, global);
    for (auto& each : global) {
        const bool own = std::any_of(candidates.begin(), candidates.end(),
                                     [&](const Candidate& c) { return c.text == each.text; });
        if (!own && each.text != "--version") candidates.push_back(std::move(each));
    }
    return candidates;
}

/// `a|b|c`, or what a validator says: `{a,b,c}`.
Candidates choices(const CLI::Option& option) {
    auto text = option.get_type_name();
    char separator = '|';
    if (const auto brace = text.find(":{"); brace != std::string::npos) {
        text = text.substr(brace + 2, text.find('}') - brace - 2);
        separator = ',';
    }
    Candidates candidates;
    if (text.find(separator) == std::string::npos) return candidates;
    for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find(separator, at), text.size());
        candidates.push_back({text.substr(at, end - at), {}});
        at = end + 1;
    }
    return candidates;
}

struct Answer {
    std::string kind = "values";
    Candidates candidates;
};

Answer answer_for_option(const CLI::Option& option, const commands::Context& context) {
    const auto is = [&option](const char* name) { return option.check_lname(name); };
    if (is("trigger") || is("subscribe")) return {"values", commands::trigger_candidates()};
    if (is("profile")) return {"values", commands::profile_candidates(context)};
    const auto type = type_name(option);
    if (type == "FILE") return {"files", {}};
    if (type == "DIR") return {"folders", {}};
    return {"values", choices(option)};
}

Answer answer_for_argument(const Reading& reading, const CLI::App& app,
                           const commands::Context& context) {
    const auto name = reading.command().get_name();
    if (name == "help") {
        auto topics = command_candidates(app);
        topics.push_back({"exit-codes", "what each exit code means"});
        return {"values", reading.arguments().empty() ? topics : Candidates{}};
    }
    const auto positionals = reading.command().get_options(
        [](const CLI::Option* each) { return each->get_positional(); });
    if (positionals.empty()) return {"values", option_candidates(reading, app)};
    const auto& given = reading.arguments();
    const auto& positional = *positionals.front();
    if (static_cast<int>(given.size()) >= positional.get_items_expected_max()) return {};
    const auto argument = positional.get_name(true, false);
    if (argument == "FILE") return {"files", {}};
    if (argument != "ID") return {};
    auto ids = commands::subscription_candidates(context, name != "secret");
    std::erase_if(ids, [&given](const Candidate& each) {
        return std::find(given.begin(), given.end(), each.text) != given.end();
    });
    return {"values", std::move(ids)};
}

Answer answer(const CLI::App& app, const Reading& reading, const commands::Context& context) {
    if (!reading.understood()) return {};
    if (const auto at = reading.command_at()) return {fmt::format("command {}", *at), {}};
    if (const auto* option = reading.pending()) return answer_for_option(*option, context);
    if (reading.last().starts_with('-')) return {"values", option_candidates(reading, app)};
    if (!reading.has_command()) return {"values", command_candidates(app)};
    return answer_for_argument(reading, app, context);
}

bool fits_a_line(const std::string& text) {
    return !text.empty() && text::printable(text) == text && text.find('\t') == std::string::npos;
}

}  // namespace

std::string completions(CLI::App& app, const std::vector<std::string>& words,
                        commands::Context& context) {
    const Reading reading(app, words);
    context.flags = flags_of(reading, context.environment);
    Answer found;
    try {
        found = answer(app, reading, context);
    } catch (const Error&) {
        // A settings file that is wrong is told of when a command is run.
    }
    auto text = found.kind + "\n";
    for (const auto& each : found.candidates) {
        if (!fits_a_line(each.text)) continue;
        auto description = text::printable(each.description);
        std::replace(description.begin(), description.end(), '\t', ' ');
        text += fmt::format("{}\t{}\n", each.text, description);
    }
    return text;
}

}  // namespace pwh::app
