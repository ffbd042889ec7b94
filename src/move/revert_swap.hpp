// revert_swap.hpp - The moment in which a partitioned table becomes a plain one.
//
// The invariant: one transaction, under ACCESS EXCLUSIVE on the table and all its partitions, whose rows are all in the
// side by then; what the table was before it was once converted is given back in the same transaction.
#pragma once

#include "move/mover.hpp"
#include "move/origins.hpp"
#include "move/side_index.hpp"

namespace warden::move {

/// The locks of the swap: the side, the table, its partitions, and the tables that refer to it.
std::optional<pg::Refusal> lock_to_revert(const Job &job, int milliseconds);

/// Error errcode_begin_anew if there are other partitions than the sources.
void swap_to_plain(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides);

/// For register_indexes(): what an index was before it was widened, on a side that has no place for the wider one.
bool narrow(Oid parent, const Origin &origin, IndexDefinition &definition);

/// The statements that give back what the table was, once it is plain; for the plan, with its name.
std::vector<std::string> origin_statements(Oid parent, const std::optional<Origin> &origin);

} // namespace warden::move
