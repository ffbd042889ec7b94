// partition.hpp - Partitions exist before a row needs them, and leave when their time is over.
//
// Reading order: notation, calendar and plan (plain logic: which ranges, and how they are written), remainder (which
// parts of a hash), value (the keys of a list), kind and policy (what was declared), bounds and flat (what exists),
// position (how far numbers have come), place (what a new partition is for), blueprint (what it must look like), tree
// (sets below sets), references (who refers to one), hold (which are to stay), steps (one DDL step each), maintenance
// (the sequence, in one transaction or in many), collision (what only a person can do), declaration, declare,
// declare_number, declare_list, declare_hash and subdivide (the functions), report (for the views).
#pragma once

#include "pg/procedure.hpp"

namespace warden::partition {

/// Maintains every set whose owner's rights the caller has, in a transaction for each step, and cleans up the log.
/// What is blocked or fails is reported as a WARNING.
void maintain_all(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::partition
