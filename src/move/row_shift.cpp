#include "move/row_shift.hpp"

#include "move/router.hpp"
#include "pg/names.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
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

// Server code.  First deleted, then inserted: a subscriber that is told of both under the parent's name has no moment
// with two of them.
int64 shift_all(Relation source, Target *targets, Router *router) {
	const CommandId command = GetCurrentCommandId(true);
	TupleTableSlot *const row = table_slot_create(source, nullptr);
	const TableScanDesc scan = table_beginscan(source, GetActiveSnapshot(), 0, nullptr);
	const MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "warden row", ALLOCSET_DEFAULT_SIZES);
	int64 moved = 0;
	while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
		CHECK_FOR_INTERRUPTS();
		const MemoryContext context = MemoryContextSwitchTo(memory);
		const int side = route(router, row);
		if (side >= 0) {
			fill(targets[side], row);
			remove(source, row, command);
			table_tuple_insert(targets[side].relation, targets[side].slot, command, 0, nullptr);
			ExecClearTuple(targets[side].slot);
			++moved;
		}
		MemoryContextSwitchTo(context);
		MemoryContextReset(memory);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	CommandCounterIncrement();
	return moved;
}

} // namespace

std::int64_t shift_rows(Oid source, const std::vector<Side> &sides, const std::string &key) {
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
	Target *const data = targets.data();
	const std::int64_t moved = call(shift_all, table.get(), data, router);
	for (Target &target : targets) {
		call([&] { close_target(target); });
	}
	return moved;
}

} // namespace warden::move
