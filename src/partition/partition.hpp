// partition.hpp - Partitions exist before a row needs them, and leave when their time is over.
//
// Reading order: notation, calendar, plan and order (plain logic: which ranges, how they are written, what has
// expired), remainder (which parts of a hash), value (the keys of a list), kind and policy (what was declared), bounds
// and flat (what exists), position (how far numbers have come), place (what a new partition is for), blueprint (what
// it must look like), tree (sets below sets), references (who refers to one), dependents (what goes with one),
// default_leaves, default_values, default_survey, default_check and default_prepare (what a default partition is in the
// way of, and how to get by it), hold and pair (which are to stay), retention (what has expired), steps and retire (one
// DDL step each), departure (leaving a busy set), work (what is due), progress, maintenance and step_by_step (the
// sequence, in one transaction or in many), collision (what only a person can do), declaration, declare,
// declare_number, declare_list, declare_hash, declare_retention, subdivide and default_add (the functions that
// declare), parity (what older partitions lack of a new one), partman and import_partman (sets of pg_partman), outlook
// and report (for the views).
#pragma once

#include "pg/procedure.hpp"

namespace warden::partition {

/// Maintains every set whose owner's rights the caller has, in a transaction for each step, and cleans up the log.
/// What is blocked or fails is reported as a WARNING.
void maintain_all(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::partition
