// bloat.hpp - Where every byte of a file went, what a rewrite gives back, and the repair.
//
// Reading order: byte_account, heap_packing, btree_packing and sample_estimate (plain logic), tuple_fate (who sees a
// row), page_reader (pages, unnoticed), measurement and subject (what measuring is), heap_page, heap_scan,
// heap_measure, btree_measure and its siblings; facts, remedy and verdict (what to do about it: plain logic),
// circumstances and horizon (what that is made of); subjects, opened and measure (for SQL: one relation, or all);
// regrowth, experience, turns and snapshots (the history); repair_plan, repair_gates, repair_queue, repair_worker,
// repair_run and repair (what is done about it).
#pragma once

#include "pg/procedure.hpp"

namespace warden::bloat {

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

/// The part of CALL maintain(): takes snapshots that are due, and has repairs run that are queued.
void maintain(const pg::Procedure &procedure);

} // namespace warden::bloat
