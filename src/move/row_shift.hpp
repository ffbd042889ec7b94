// row_shift.hpp - Rows moved from one table into others at once, as they are.
#pragma once

#include "move/dating.hpp"
#include "move/move_job.hpp"

namespace warden::move {

/// Moves each row of a table that a side takes into that side, which has the same columns in any order and no index
/// yet; those of no side stay.  No trigger fires.  All tables are locked so that nobody else reads or writes them.  As
/// the owner.  Returns how many, and what is to be dated: in the sides, and in the source, of number 0.  Error
/// errcode_not_yet if somebody may have a snapshot that sees rows of the sides that are gone: they cannot be moved.
std::int64_t shift_rows(Oid source, const std::vector<Side> &sides, const std::string &key, Dating &dating);

} // namespace warden::move
