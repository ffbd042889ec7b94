// archive.hpp - What is left to do with a table in the archive: to copy it to the archive's tablespace, or into its
// access method.
//
// That takes as long as the table is large, under a lock that keeps everybody from it; so it is no part of the step by
// which the partition leaves its set, and of that table alone.  The invariant: the transaction that puts a table into
// the archive notes it down in warden.partition_departures, and the one that has moved it takes the note away.
#pragma once

#include "partition/steps.hpp"

namespace warden::partition {

/// Notes down that a table, which has come to the archive in this transaction, is to be moved, if it is.
void note_move(const Policy &policy, Oid table);

/// The tables of a set that are to be moved.
std::vector<Oid> tables_to_move(Oid parent);

/// What move_table() would do now.
Done plan_move(const Policy &policy, Oid table);

/// Moves a table, which is locked, and logs it.  std::nullopt if it is not to be moved any more: it is forgotten then.
std::optional<Done> move_table(const Policy &policy, Oid table);

} // namespace warden::partition
