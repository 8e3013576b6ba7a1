// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/terminal.hpp"
#include "store/event_reader.hpp"

namespace pwh::commands {

/// A table of counts by day and trigger, with bars on a terminal; empty where there are none.
std::string render_counts_table(const store::Counts& counts, const Terminal& terminal);

/// A JSON array of {"day","trigger","messages","events"}.
std::string render_counts_json(const store::Counts& counts);

/// Counts what the query wants.
store::Counts count_events(store::EventReader& reader, const store::EventQuery& query);

}  // namespace pwh::commands
