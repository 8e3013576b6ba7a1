// SPDX-License-Identifier: Apache-2.0
#include "commands/output_format.hpp"

#include <CLI/CLI.hpp>

#include "text/table.hpp"

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

std::string render_json(const std::vector<ShownSubscription>& shown) {
    auto array = nlohmann::ordered_json::array();
    for (const auto& each : shown) {
        auto fields = each.subscription.fields;
        fields["secretStored"] = each.secret_stored;
        if (each.created) fields["created"] = *each.created;
        array.push_back(std::move(fields));
    }
    return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
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
    if (format.name == "tsv" || (format.name.empty() && !terminal.stdout_is_tty))
        return text::render_tsv(rows);
    text::Row header{"ID", "TRIGGER", "URL", "IDENTIFIERS", "SECRET"};
    if (!rows.empty() && rows.front().size() > header.size()) header.emplace_back("CREATED");
    return text::render_table(header, rows, terminal.columns);
}

}  // namespace pwh::commands
