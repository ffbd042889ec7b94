#include "schedule/mark.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace warden::schedule {

namespace {

// All of this is server code.

// The row of a run, to be changed column by column.
struct Row {
	Relation slots;
	SysScanDesc scan;
	HeapTuple tuple; // null if there is none
	Datum values[MaxHeapAttributeNumber];
	bool nulls[MaxHeapAttributeNumber];
	bool replaced[MaxHeapAttributeNumber];
};

AttrNumber column(const Row &row, const char *name) {
	const AttrNumber number = get_attnum(RelationGetRelid(row.slots), name);
	if (number == InvalidAttrNumber) {
		elog(ERROR, "table \"%s\" has no column \"%s\"", RelationGetRelationName(row.slots), name);
	}
	return number;
}

void set(Row &row, const char *name, Datum value) {
	const int i = column(row, name) - 1;
	row.values[i] = value;
	row.nulls[i] = false;
	row.replaced[i] = true;
}

Datum get(const Row &row, const char *name) {
	bool is_null = false;
	return heap_getattr(row.tuple, column(row, name), RelationGetDescr(row.slots), &is_null);
}

bool is_running(const Row &row, int64 job) {
	return HeapTupleIsValid(row.tuple) && DatumGetInt64(get(row, "job")) == job &&
	       strcmp(TextDatumGetCString(get(row, "status")), "running") == 0;
}

// Nobody else changes the row of a run that is running, so its newest version is the one to change, whatever the
// transaction's snapshot is; and looking at it so is no read that others could conflict with.
void open_row(Row &row, int64 run) {
	memset(static_cast<void *>(&row), 0, sizeof row);
	const Oid space = get_namespace_oid("warden", false);
	row.slots = table_open(get_relname_relid("schedule_slots", space), RowExclusiveLock);
	const Oid index = get_relname_relid("schedule_slots_pkey", space);
	ScanKeyData key;
	ScanKeyInit(&key, column(row, "run"), BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run));
	row.scan = systable_beginscan(row.slots, index, true, SnapshotSelf, 1, &key);
	row.tuple = systable_getnext(row.scan);
}

void close_row(Row &row, bool changed) {
	if (changed) {
		const HeapTuple tuple =
			heap_modify_tuple(row.tuple, RelationGetDescr(row.slots), row.values, row.nulls, row.replaced);
		CatalogTupleUpdate(row.slots, &row.tuple->t_self, tuple);
	}
	systable_endscan(row.scan);
	table_close(row.slots, NoLock);
	CommandCounterIncrement();
}

} // namespace

bool mark_succeeded(int64 job, int64 run, uint64 rows, const char *message, int sqlstate) {
	auto *const row = static_cast<Row *>(palloc(sizeof(Row)));
	open_row(*row, run);
	const bool running = is_running(*row, job);
	if (running) {
		set(*row, "status", CStringGetTextDatum("succeeded"));
		set(*row, "ended", TimestampTzGetDatum(GetCurrentTimestamp()));
		set(*row, "rows", Int64GetDatum(static_cast<int64>(rows)));
		if (*message != '\0') {
			set(*row, "message", CStringGetTextDatum(message));
			set(*row, "sqlstate", CStringGetTextDatum(unpack_sql_state(sqlstate)));
		}
	}
	close_row(*row, running);
	pfree(row);
	return running;
}

bool mark_not_restartable(int64 job, int64 run) {
	auto *const row = static_cast<Row *>(palloc(sizeof(Row)));
	open_row(*row, run);
	const bool running = is_running(*row, job);
	if (running) {
		set(*row, "restartable", BoolGetDatum(false));
	}
	close_row(*row, running);
	pfree(row);
	return running;
}

} // namespace warden::schedule
