// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pwh::text {

using Row = std::vector<std::string>;

/// An aligned table with a header line, cells padded by their width on a terminal. `columns` is the
/// terminal's width: the widest columns are shortened with an ellipsis (of ASCII, without `utf8`)
/// where a line would not fit, the first, which names what the line is about, last; 0 never
/// shortens. Control characters are shown escaped. Empty when there are no rows.
std::string render_table(const Row& header, const std::vector<Row>& rows, unsigned columns,
                         bool utf8 = true);

/// Tab-separated lines without a header; tab, newline, CR and backslash in a cell are escaped as
/// `\t`, `\n`, `\r` and `\\`.
std::string render_tsv(const std::vector<Row>& rows);

}  // namespace pwh::text
