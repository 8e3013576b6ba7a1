// SPDX-License-Identifier: Apache-2.0
#include "commands/output_format.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "text/table.hpp"
#include "text/utf8.hpp"

namespace pwh::commands {

namespace {

std::string yes_no(bool value) {
    return value ? "true" : "false";
}

/// `includeIdentifiers` as the API gave it: a boolean, or the string that the SDK sends.
std::string include_identifiers(const nlohmann::ordered_json& fields) {
    const auto found = fields.find("includeIdentifiers");
    if (found == fields.end()) return {};
    if (found->is_string()) return found->get<std::string>();
    return found->dump();
}

text::Row row_of(const ShownSubscription& shown) {
    const auto& subscription = shown.subscription;
    text::Row row{subscription.id, subscription.trigger, subscription.url,
                  include_identifiers(subscription.fields), yes_no(shown.secret_stored)};
    if (shown.created) row.push_back(yes_no(*shown.created));
    return row;
}

/// JSON lets DEL, C1 controls and direction overrides stand in a string as they are; on a terminal
/// they would act. Escaped, they are the same JSON.
std::string escape_controls(std::string_view json) {
    std::string safe;
    safe.reserve(json.size());
    for (std::size_t at = 0; at < json.size();) {
        const auto length = std::max<std::size_t>(text::utf8_sequence(json, at), 1);
        const auto character = json.substr(at, length);
        const auto last = static_cast<unsigned char>(character.back());
        const bool c1 = length == 2 && character[0] == '\xC2' && last < 0xA0;
        if (character == "\x7F" || c1) {
            safe += fmt::format("\\u{:04x}", last);
        } else if (text::printable(character) != character && character != "\n") {
            safe += text::printable(character);  // \u202e
        } else {
            safe += character;
        }
        at += length;
    }
    return safe;
}

/// One array, made piece by piece: a copy of all of them could be large.
std::string render_json(const std::vector<ShownSubscription>& shown) {
    std::string out = "[";
    for (const auto& each : shown) {
        auto fields = each.subscription.fields;
        fields["secretStored"] = each.secret_stored;
        if (each.created) fields["created"] = *each.created;
        const auto object = fields.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
        out += out.size() == 1 ? "\n  " : ",\n  ";
        for (const char c : escape_controls(object)) {
            out += c;
            if (c == '\n') out += "  ";
        }
    }
    out += shown.empty() ? "]\n" : "\n]\n";
    return out;
}

/// On a terminal, what a server may have put into a cell must not act there.
std::string harmless(const std::string& tsv) {
    std::string safe;
    for (std::size_t at = 0; at < tsv.size();) {
        const auto end = tsv.find('\n', at);
        safe += text::printable(std::string_view(tsv).substr(at, end - at));
        safe += '\n';
        at = end + 1;
    }
    return safe;
}

}  // namespace

void add_output_options(CLI::App& app, OutputFormat& format) {
    app.add_option("-o,--output", format.name,
                   "table, json or tsv (a table on a terminal, else tsv)")
        ->check(CLI::IsMember({"table", "json", "tsv"}))
        ->type_name("FORMAT");
    app.add_flag("--json", format.json, "the same as -o json");
}

std::string render_subscriptions(const std::vector<ShownSubscription>& shown,
                                 const OutputFormat& format, const Terminal& terminal) {
    if (format.json || format.name == "json") return render_json(shown);
    std::vector<text::Row> rows;
    rows.reserve(shown.size());
    for (const auto& each : shown) rows.push_back(row_of(each));
    if (format.name.empty() && !terminal.stdout_is_tty) return text::render_tsv(rows);
    if (format.name == "tsv") {
        auto tsv = text::render_tsv(rows);
        return terminal.stdout_is_tty ? harmless(tsv) : tsv;
    }
    text::Row header{"ID", "TRIGGER", "URL", "IDENTIFIERS", "SECRET"};
    if (!rows.empty() && rows.front().size() > header.size()) header.emplace_back("CREATED");
    return text::render_table(header, rows, terminal.columns, terminal.utf8);
}

}  // namespace pwh::commands
