// row_shift.hpp - Rows moved from one table into others at once, as they are.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// Moves each row of a table that a side takes into that side, which has the same columns in any order and no index
/// yet; those of no side stay.  No trigger fires.  All tables are locked so that nobody else reads or writes them.  As
/// the owner.  Returns how many.
std::int64_t shift_rows(Oid source, const std::vector<Side> &sides, const std::string &key);

} // namespace warden::move
