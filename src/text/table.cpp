// SPDX-License-Identifier: Apache-2.0
#include "text/table.hpp"

#include <algorithm>
#include <cstddef>

#include "text/utf8.hpp"

namespace pwh::text {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 8;

/// Cuts `cell` to `width` columns, the last of them the ellipsis.
std::string shorten(const std::string& cell, std::size_t width, std::string_view ellipsis) {
    if (display_width(cell) <= width) return cell;
    std::string cut;
    std::size_t used = display_width(ellipsis);
    for (std::size_t at = 0; at < cell.size();) {
        const auto length = std::max<std::size_t>(utf8_sequence(cell, at), 1);
        const auto piece = cell.substr(at, length);
        const auto piece_width = display_width(piece);
        if (used + piece_width > width) break;
        cut += piece;
        used += piece_width;
        at += length;
    }
    return cut.append(ellipsis);
}

/// printable() lets tabs through, which would shift the columns.
std::string one_line(const std::string& cell) {
    std::string shown;
    for (const char c : printable(cell)) {
        if (c == '\t') {
            shown += "\\x09";
        } else {
            shown += c;
        }
    }
    return shown;
}

/// Takes the columns that are missing from the widest cells, and from the first ones, by which rows
/// are told, only when nothing else is left.
void fit(std::vector<std::size_t>& widths, unsigned columns) {
    std::size_t total = gap * (widths.size() - 1);
    for (const auto width : widths) total += width;
    if (columns == 0 || widths.size() < 2) return;
    for (; total > columns; --total) {
        auto widest = std::max_element(widths.begin() + 1, widths.end());
        if (*widest <= narrowest) widest = widths.begin();
        if (*widest <= narrowest) return;
        --*widest;
    }
}

}  // namespace

std::string render_table(const Row& header, const std::vector<Row>& rows, unsigned columns,
                         bool utf8) {
    if (rows.empty()) return {};
    std::vector<Row> shown{header};
    shown.reserve(rows.size() + 1);
    for (const auto& row : rows) {
        Row safe;
        safe.reserve(row.size());
        for (const auto& cell : row) safe.push_back(one_line(cell));
        shown.push_back(std::move(safe));
    }
    std::vector<std::size_t> widths(header.size(), 0);
    for (const auto& row : shown) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], display_width(row[i]));
        }
    }
    fit(widths, columns);
    std::string out;
    for (const auto& row : shown) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto cell = shorten(row[i], widths[i], utf8 ? "…" : "...");
            out += cell;
            if (i + 1 < row.size()) out.append(widths[i] - display_width(cell) + gap, ' ');
        }
        out += '\n';
    }
    return out;
}

std::string render_tsv(const std::vector<Row>& rows) {
    std::string out;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0) out += '\t';
            for (const char c : row[i]) {
                switch (c) {
                    case '\t':
                        out += "\\t";
                        break;
                    case '\n':
                        out += "\\n";
                        break;
                    case '\r':
                        out += "\\r";
                        break;
                    case '\\':
                        out += "\\\\";
                        break;
                    default:
                        out += c;
                }
            }
        }
        out += '\n';
    }
    return out;
}

}  // namespace pwh::text
