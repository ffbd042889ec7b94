// partition.hpp - Partitions exist before a row needs them, and leave when their time is over.
//
// Reading order: calendar and plan (plain logic: which ranges), policy (what was declared), bounds (what exists),
// blueprint (what a new partition must look like), references (who refers to one), steps (one DDL step each),
// maintenance (the sequence, in one transaction or in many), declare (partition_by_time), report (for the views).
#pragma once

#include "pg/procedure.hpp"

namespace warden::partition {

/// Maintains every set whose owner's rights the caller has, in a transaction for each step, and cleans up the log.
/// What is blocked or fails is reported as a WARNING.
void maintain_all(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::partition
