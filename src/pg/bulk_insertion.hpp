// bulk_insertion.hpp - Many rows into a table, through few buffers.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/hio.h"
#include "executor/tuptable.h"
}

namespace warden::pg {

/// Server code.  Appends rows to a table, another one each time if it must be: `bulk` is one for all.  With the free
/// space that is known of the table left alone.  Each slot gets the place of its row.
inline void append_rows(Relation table, TupleTableSlot **rows, int count, BulkInsertState bulk) {
	ReleaseBulkInsertStatePin(bulk);
#if PG_VERSION_NUM >= 160000
	// Otherwise it extends the table by ever more pages, which nobody would find again.
	bulk->next_free = InvalidBlockNumber;
	bulk->last_free = InvalidBlockNumber;
	bulk->already_extended_by = 0;
#endif
	heap_multi_insert(table, rows, count, GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM, bulk);
}

} // namespace warden::pg
