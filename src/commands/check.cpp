// SPDX-License-Identifier: Apache-2.0
#include "commands/check.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands/client.hpp"
#include "commands/endpoint.hpp"
#include "commands/progress.hpp"
#include "commands/send_report.hpp"
#include "commands/signing.hpp"
#include "text/table.hpp"
#include "text/utf8.hpp"

namespace pwh::commands {

namespace {

constexpr auto footer =
    R"(Asks the endpoint as Preservica does (a handshake, signed events) and as an attacker would, and writes a line
for each check: pass, fail or warn, the time it took, and why. Exits with 3 where one failed. The events have the
trigger PWH_CHECK: pwh listen answers them, and never prints or stores them; another receiver may keep a
few, for entities that do not exist.)";

constexpr std::size_t narrowest_text = 30;

long long in_ms(std::chrono::microseconds took) {
    return std::chrono::round<std::chrono::milliseconds>(took).count();
}

std::string render_json(const std::vector<CheckResult>& results) {
    auto array = nlohmann::ordered_json::array();
    for (const auto& each : results) {
        array.push_back({{"check", each.name},
                         {"verdict", verdict_word(each.verdict)},
                         {"milliseconds", in_ms(each.took)},
                         {"explanation", each.explanation}});
    }
    return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// The text in lines of at most `width` columns where its words allow; 0: one line.
std::vector<std::string> wrap(const std::string& text, std::size_t width) {
    std::vector<std::string> lines{""};
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find(' ', at), text.size());
        const auto word = text.substr(at, end - at);
        auto& line = lines.back();
        const bool fits =
            width == 0 || text::display_width(line) + 1 + text::display_width(word) <= width;
        if (line.empty()) {
            line = word;
        } else if (fits) {
            line += " " + word;
        } else {
            lines.push_back(word);
        }
        at = end + 1;
    }
    return lines;
}

std::string_view colour_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "\x1b[32m";
        case Verdict::warn:
            return "\x1b[33m";
        case Verdict::fail:
            break;
    }
    return "\x1b[31m";
}

std::string render_table(const std::vector<CheckResult>& results, unsigned columns, bool colour) {
    std::size_t name_width = 0;
    for (const auto& each : results) name_width = std::max(name_width, each.name.size());
    constexpr std::size_t verdict_width = 4;
    constexpr std::size_t time_width = 8;
    constexpr std::size_t gaps = 6;
    const auto indent = verdict_width + name_width + time_width + gaps;
    const auto width = columns > indent + narrowest_text ? columns - indent : std::size_t{0};
    std::string out;
    for (const auto& each : results) {
        const auto word = verdict_word(each.verdict);
        out +=
            colour ? fmt::format("{}{}\x1b[0m", colour_of(each.verdict), word) : std::string(word);
        // A check that asks nothing takes no time.
        const auto time = each.took.count() == 0 ? "-" : spoken_duration(each.took);
        out += fmt::format("  {:<{}}  {:>{}}  ", each.name, name_width, time, time_width);
        bool first = true;
        for (const auto& line : wrap(text::printable(each.explanation), width)) {
            if (!first) out.append(indent, ' ');
            out += line + "\n";
            first = false;
        }
    }
    return out;
}

Error failure_of(const std::vector<CheckResult>& results, std::size_t failed) {
    const bool cut_short = results.back().name != "time";
    return {ExitCode::endpoint_failed,
            fmt::format("the endpoint failed {} of {} checks{}", failed, results.size(),
                        cut_short ? "; the others were not tried" : ""),
            "what to do stands with each; -vv shows the exchanges"};
}

}  // namespace

std::string render_checks(const std::vector<CheckResult>& results, const OutputFormat& format,
                          const Terminal& terminal, bool colour) {
    if (format.json || format.name == "json") return render_json(results);
    if (format.name == "table" || (format.name.empty() && terminal.stdout_is_tty)) {
        return render_table(results, terminal.columns, colour && terminal.stdout_is_tty);
    }
    std::vector<text::Row> rows;
    rows.reserve(results.size());
    for (const auto& each : results) {
        rows.push_back({each.name, std::string(verdict_word(each.verdict)),
                        std::to_string(in_ms(each.took)), each.explanation});
    }
    return text::render_tsv(rows);
}

void setup_check(CLI::App& app, CheckOptions& options) {
    app.add_option("URL", options.url, "the endpoint (PWH_URL, else)");
    add_secret_option(app, options.secret_file);
    add_output_options(app, options.format);
    app.footer(footer);
}

int run_check(Context& context, const CheckOptions& options) {
    const auto settings = resolve_settings(context);
    const auto url = endpoint_url(options.url, settings);
    auto secret = the_secret(settings, options.secret_file, context.diagnostics);
    const auto http = endpoint_client(context, settings);
    Progress progress(context, "asking: request", EndpointCheck::planned_requests);
    EndpointCheck check(*http, url, std::move(secret), context.now(),
                        std::chrono::steady_clock::now, [&progress](std::size_t number) {
                            progress.show(std::min(number + 1, EndpointCheck::planned_requests));
                        });
    const auto results = check.run();
    progress.wipe();
    context.out.write(
        render_checks(results, options.format, context.terminal, context.diagnostics.colour()));
    const auto failed = std::count_if(results.begin(), results.end(), [](const CheckResult& each) {
        return each.verdict == Verdict::fail;
    });
    if (failed > 0) throw failure_of(results, static_cast<std::size_t>(failed));
    return static_cast<int>(ExitCode::ok);
}

}  // namespace pwh::commands
