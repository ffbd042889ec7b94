#include "move/row_shift.hpp"

#include "move/router.hpp"
#include "pg/names.hpp"

#include <array>
#include <span>

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Server's state, in memory that goes with the scope.
struct Target {
	Relation relation;
	TupleTableSlot *slot;
	TupleConversionMap *map; // nullptr: the columns are in the same places
};

// Server code.
void open_target(Target &target, Relation source, Oid table) {
	target.relation = table_open(table, AccessExclusiveLock);
	target.slot = MakeSingleTupleTableSlot(RelationGetDescr(target.relation), &TTSOpsVirtual);
	target.map = convert_tuples_by_name(RelationGetDescr(source), RelationGetDescr(target.relation));
}

// Server code.
void close_target(Target &target) {
	ExecDropSingleTupleTableSlot(target.slot);
	table_close(target.relation, NoLock);
}

// Server code.  Values that the target has to have of its own: what the source's tuple lacks, as its column is younger,
// and what it has elsewhere.
void fill(const Target &target, TupleTableSlot *row) {
	slot_getallattrs(row);
	if (target.map != nullptr) {
		execute_attr_map_slot(target.map->attrMap, row, target.slot);
		return;
	}
	ExecClearTuple(target.slot);
	const auto count = static_cast<size_t>(row->tts_tupleDescriptor->natts);
	memcpy(target.slot->tts_values, row->tts_values, count * sizeof(Datum));
	memcpy(target.slot->tts_isnull, row->tts_isnull, count * sizeof(bool));
	ExecStoreVirtualTuple(target.slot);
}

// Server code.  Marks the row as moved to another partition: who waited for it gets an error, and not nothing.
void remove(Relation source, TupleTableSlot *row, CommandId command) {
	TM_FailureData failure;
	const TM_Result result = heap_delete(source, &row->tts_tid, command, InvalidSnapshot, true, &failure, true);
	if (result != TM_Ok) {
		ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
		        errmsg("a row of table \"%s\" was changed although it is locked", RelationGetRelationName(source)));
	}
}

// A scan of all versions of the source's rows.
struct Shift {
	Relation source;
	Snapshot snapshot;
	TransactionId horizon;
	TableScanDesc scan;
	TupleTableSlot *row;
	Target *targets;
	Router *router;
	CommandId command;
	MemoryContext memory;
};

// Server code.
void begin_shift(Shift &shift) {
	shift.snapshot = GetActiveSnapshot();
	shift.horizon = GetOldestNonRemovableTransactionId(shift.source);
	shift.row = table_slot_create(shift.source, nullptr);
	shift.scan = table_beginscan(shift.source, SnapshotAny, 0, nullptr);
	shift.command = GetCurrentCommandId(true);
	shift.memory = AllocSetContextCreate(CurrentMemoryContext, "warden row", ALLOCSET_DEFAULT_SIZES);
}

// Server code.
void end_shift(const Shift &shift) {
	table_endscan(shift.scan);
	ExecDropSingleTupleTableSlot(shift.row);
	MemoryContextDelete(shift.memory);
	CommandCounterIncrement();
}

// Server code.
[[noreturn]] void refuse_gone(const Shift &shift) {
	ereport(ERROR, errcode(errcode_not_yet),
	        errmsg("somebody may still see rows of table \"%s\" that have changed since",
	               RelationGetRelationName(shift.source)));
	pg_unreachable();
}

// Server code.  Whether the row is there; Life of what is gone but may be seen.
bool is_present(const Shift &shift, Life &life, bool &is_gone) {
	const auto *const slot = reinterpret_cast<BufferHeapTupleTableSlot *>(shift.row);
	LockBuffer(slot->buffer, BUFFER_LOCK_SHARE);
	const bool is_present = HeapTupleSatisfiesVisibility(slot->base.tuple, shift.snapshot, slot->buffer);
	life = life_of(slot->base.tuple->t_data);
	is_gone = !is_present && has_gone(slot->base.tuple->t_data, life, shift.snapshot, shift.horizon);
	LockBuffer(slot->buffer, BUFFER_LOCK_UNLOCK);
	return is_present;
}

// A row that was moved.
struct Shifted {
	int side; ///< index; -1: none was
	ItemPointerData from;
	ItemPointerData to;
	TransactionId began; ///< not what is written in a frozen row, which may be of an age ago, or seem to be yet to come
};

// Server code.  First deleted, then inserted: a subscriber that is told of both under the parent's name has no moment
// with two of them.
Shifted shift_row(const Shift &shift) {
	Life life;
	bool is_gone = false;
	const bool is_there = is_present(shift, life, is_gone);
	const int side = is_there || is_gone ? route(shift.router, shift.row) : -1;
	if (side >= 0 && is_gone) {
		refuse_gone(shift);
	}
	Shifted shifted = {side, shift.row->tts_tid, {}, life.began};
	if (side >= 0) {
		const Target &target = shift.targets[side];
		fill(target, shift.row);
		remove(shift.source, shift.row, shift.command);
		table_tuple_insert(target.relation, target.slot, shift.command, 0, nullptr);
		shifted.to = target.slot->tts_tid;
		ExecClearTuple(target.slot);
	}
	return shifted;
}

constexpr std::size_t rows_at_once = 100;

// What one call to the server has moved.
struct Batch {
	std::array<Shifted, rows_at_once> rows;
	std::size_t count;
	bool has_ended; ///< to ask a scan that has ended for more would begin it anew
};

// Server code.
void shift_some(const Shift &shift, Batch &batch) {
	const MemoryContext context = MemoryContextSwitchTo(shift.memory);
	batch.count = 0;
	while (batch.count < rows_at_once) {
		CHECK_FOR_INTERRUPTS();
		if (!table_scan_getnextslot(shift.scan, ForwardScanDirection, shift.row)) {
			batch.has_ended = true;
			break;
		}
		const Shifted shifted = shift_row(shift);
		if (shifted.side >= 0) {
			batch.rows[batch.count++] = shifted;
		}
		MemoryContextReset(shift.memory);
	}
	MemoryContextSwitchTo(context);
}

} // namespace

std::int64_t shift_rows(Oid source, const std::vector<Side> &sides, const std::string &key, Dating &dating) {
	const ScratchMemory memory;
	const SnapshotScope snapshot(GetLatestSnapshot);
	Router *const router = make_router(sides, source, key);
	const OpenRelation table(source, NoLock);
	std::vector<Target> targets(sides.size());
	for (std::size_t i = 0; i < sides.size(); ++i) {
		Target &target = targets[i];
		const Oid side = sides[i].relation;
		call([&] { open_target(target, table.get(), side); });
	}
	Shift shift = {};
	shift.source = table.get();
	shift.targets = targets.data();
	shift.router = router;
	call(begin_shift, shift);
	std::int64_t moved = 0;
	for (Batch batch = {}; !batch.has_ended; moved += static_cast<std::int64_t>(batch.count)) {
		call(shift_some, shift, batch);
		for (const Shifted &row : std::span(batch.rows).first(batch.count)) {
			const Side &side = sides[static_cast<std::size_t>(row.side)];
			dating.copies.push_back({side.number, row.to, {.began = row.began}});
			dating.copies.push_back({0, row.from, {.ended = row.began}});
		}
	}
	call(end_shift, shift);
	for (Target &target : targets) {
		call([&] { close_target(target); });
	}
	dating.written_by = call(GetCurrentTransactionId);
	sort(dating);
	return moved;
}

} // namespace warden::move
