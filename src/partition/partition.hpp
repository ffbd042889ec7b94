// partition.hpp - Partitions exist before a row needs them, and leave when their time is over.
//
// Reading order: notation, calendar and plan (plain logic: which ranges, and how they are written), policy (what was
// declared), bounds (what exists), position (how far numbers have come), blueprint (what a new partition must look
// like), references (who refers to one), default_leaves, default_survey, default_check and default_prepare (what a
// default partition is in the way of, and how to get by it), default_add (partition_add_default), hold (which are to
// stay), steps (one DDL step each), maintenance (the sequence, in one transaction or in many), declaration, declare and
// declare_number (partition_by_time, partition_by_number), parity (what older partitions lack of a new one), partman
// and import_partman (sets of pg_partman), report (for the views).
#pragma once

#include "pg/procedure.hpp"

namespace warden::partition {

/// Maintains every set whose owner's rights the caller has, in a transaction for each step, and cleans up the log.
/// What is blocked or fails is reported as a WARNING.
void maintain_all(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::partition
