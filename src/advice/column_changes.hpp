// column_changes.hpp - Which columns the workload's UPDATE statements set.
//
// C++ code.
#pragma once

#include "advice/what_if.hpp"
#include "advice/write_activity.hpp"

#include <string_view>

namespace warden::advice {

/// Whether a text may be one that sets columns, so that the others need not be planned for it.
bool may_set_columns(std::string_view text);

/// A row for each table and column that a statement sets, with its calls; and one of column 0 for each statement and
/// table, so that there is something to compare with.  Statements that cannot be planned are left out.
std::vector<ColumnChanges> find_column_changes(WhatIf &what_if, const std::vector<Statement> &statements,
                                               const IndexSet &present);

} // namespace warden::advice
