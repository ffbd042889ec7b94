// move.hpp - Rows moved while the application runs: out of a default partition (drain), out of a plain table into a
// partitioned one (convert), and back (revert).
//
// One engine does all three.  Rows are copied in batches, block by block, from *sources* into *sides*: tables of the
// job that nobody else knows.  Meanwhile a trigger on each source logs *which* rows change, by their place (TID), and
// nothing else.  What is logged is replayed: the copy of a logged row goes, and the row that is now at that place, if
// there is one, is copied again.  At the end a short swap, under locks that are asked for with warden.lock_timeout,
// replays the last few changes and makes the sides partitions, or gives their storage to the table that they stand for.
//
// The invariants:
// - Whoever asks sees each row exactly once, however old his snapshot is: the sources are complete and untouched until
//   the swap, which is one transaction; and after it the sides show each snapshot what the sources did.
// - A table keeps its identity.  What changes is where its rows are: a plain table that is converted is the same
//   pg_class row afterwards, so that views, grants, policies, publications, sequences and foreign keys need not be
//   carried over.
// - A crash at any moment leaves a job that can be resumed or cancelled, and tables that look as before or as after.
//
// Reading order: row_places, throttle (plain logic), move_job (the tables of move.sql), row_capture, change_log,
// place_map, router, transfer, row_life, replay, dating (the way of a row), side, side_index, storage_exchange,
// partition_flip, keys_aside, key_clones (tables), fingerprint, old_snapshots, serializable, swap_locks, mover (the
// sequence), move_plan, drain..., convert..., revert..., move_again, move_control (SQL).
#pragma once

#include "pg/procedure.hpp"

namespace warden::move {

/// Resumes the jobs that a crash or a terminated process has left, whose target's owner's rights the caller has, each
/// for no longer than warden.partition_move_slice.  What fails is reported as a WARNING.
void maintain(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::move
