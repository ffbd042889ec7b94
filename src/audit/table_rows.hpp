// table_rows.hpp - The rows that a table has at this moment.
//
// Server code, for who holds a lock that lets nobody write meanwhile.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
}

namespace warden::audit {

/// Does something with each row, each in memory of its own.
template <class F>
void for_each_row_of(Relation table, F &&body) {
	const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *const row = table_slot_create(table, nullptr);
	const TableScanDesc scan = table_beginscan(table, snapshot, 0, nullptr);
	const MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "pg_warden row", ALLOCSET_DEFAULT_SIZES);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
		CHECK_FOR_INTERRUPTS();
		const MemoryContext previous = MemoryContextSwitchTo(memory);
		body(row);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(memory);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	UnregisterSnapshot(snapshot);
	MemoryContextDelete(memory);
}

} // namespace warden::audit
