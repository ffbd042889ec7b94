// side_rows.cpp - Collected side by side; heap and indexes are written as COPY does.
#include "move/side_rows.hpp"

#include "pg/bulk_insertion.hpp"
#include "pg/column_map.hpp"
#include "pg/index_insertion.hpp"
#include "pg/scoped.hpp"

#include <span>

extern "C" {
#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "executor/executor.h"
}

namespace warden::move {

namespace {

constexpr int enough_rows = 1000;
constexpr int most_rows = enough_rows + MaxHeapTuplesPerPage; // a block of the source is written as a whole
constexpr std::int64_t enough_bytes = 1 << 20;

// A side, opened when the first row comes.
struct SideTable {
	Oid oid;
	Relation table;
	ResultRelInfo *target; ///< null: it has no indexes
	AttrMap *columns;      ///< by its numbers: those of the source
	bool is_alike;         ///< a complete row of the source is one of this as it is
	TupleTableSlot **slots;
	int slot_count; ///< that were ever made
	int used;
};

} // namespace

struct SideRows {
	Relation source;
	SideTable *sides;
	int side_count;
	EState *state;
	BulkInsertState bulk;
	MemoryContext memory; ///< of all this
	MemoryContext batch;  ///< for what is written
	MovedRow *rows;
	int count;
	std::int64_t bytes;
	bool is_written;
};

namespace {

// All of this is server code.

[[noreturn]] void begin_anew(Relation source, const char *why) {
	ereport(ERROR, errcode(errcode_begin_anew),
	        errmsg("rows of table \"%s\" cannot be copied any more", RelationGetRelationName(source)),
	        errdetail("A table they were copied into %s.", why));
	pg_unreachable();
}

int live_columns(TupleDesc row) {
	int count = 0;
	for (int i = 0; i < row->natts; ++i) {
		count += TupleDescAttr(row, i)->attisdropped ? 0 : 1;
	}
	return count;
}

bool has_column(TupleDesc row, const Form_pg_attribute column) {
	for (int i = 0; i < row->natts; ++i) {
		const Form_pg_attribute other = TupleDescAttr(row, i);
		if (!other->attisdropped && strcmp(NameStr(other->attname), NameStr(column->attname)) == 0) {
			return other->atttypid == column->atttypid && other->atttypmod == column->atttypmod;
		}
	}
	return false;
}

void check_columns(Relation source, TupleDesc side) {
	const TupleDesc columns = RelationGetDescr(source);
	bool agree = live_columns(columns) == live_columns(side);
	for (int i = 0; i < side->natts && agree; ++i) {
		agree = TupleDescAttr(side, i)->attisdropped || has_column(columns, TupleDescAttr(side, i));
	}
	if (!agree) {
		begin_anew(source, "has other columns");
	}
}

// Then bytes need not be looked at.  What a dropped column had is not worth being copied.
bool are_alike(TupleDesc source, const AttrMap *columns) {
	bool alike = source->natts == columns->maplen;
	for (int i = 0; i < columns->maplen && alike; ++i) {
		alike = columns->attnums[i] == i + 1;
	}
	return alike;
}

void open_side(SideRows *rows, SideTable &side) {
	side.table = try_table_open(side.oid, RowExclusiveLock);
	if (side.table == nullptr) {
		begin_anew(rows->source, "does not exist any more");
	}
	if (side.table->rd_rel->relkind != RELKIND_RELATION) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("rows cannot be moved into partitions that are partitioned themselves"),
		        errhint("Declare the set again without warden.partition_subdivide(), move, and declare that again."));
	}
	const TupleDesc columns = RelationGetDescr(side.table);
	check_columns(rows->source, columns);
	side.columns = pg::map_columns_by_name(RelationGetDescr(rows->source), columns);
	side.is_alike = are_alike(RelationGetDescr(rows->source), side.columns);
	if (side.table->rd_rel->relhasindex) {
		side.target = makeNode(ResultRelInfo);
		InitResultRelInfo(side.target, side.table, 1, nullptr, 0);
		ExecOpenIndices(side.target, false);
	}
	side.slots = static_cast<TupleTableSlot **>(palloc(sizeof(TupleTableSlot *) * most_rows));
}

void close_side(SideTable &side) {
	if (side.table == nullptr) {
		return;
	}
	for (int i = 0; i < side.slot_count; ++i) {
		ExecDropSingleTupleTableSlot(side.slots[i]);
	}
	if (side.target != nullptr) {
		ExecCloseIndices(side.target);
	}
	table_close(side.table, NoLock);
}

TupleTableSlot *next_slot(SideRows *rows, SideTable &side) {
	const MemoryContext previous = MemoryContextSwitchTo(rows->memory);
	if (side.table == nullptr) {
		open_side(rows, side);
	}
	if (side.used == side.slot_count) {
		side.slots[side.slot_count++] = MakeSingleTupleTableSlot(RelationGetDescr(side.table), &TTSOpsHeapTuple);
	}
	MemoryContextSwitchTo(previous);
	return side.slots[side.used++];
}

// What a row has out of line, or 0.
std::int64_t external_bytes(TupleTableSlot *row, const HeapTupleData *tuple) {
	if (!HeapTupleHasExternal(tuple)) {
		return 0;
	}
	slot_getallattrs(row);
	const TupleDesc columns = row->tts_tupleDescriptor;
	std::int64_t bytes = 0;
	for (int i = 0; i < columns->natts; ++i) {
		if (row->tts_isnull[i] || TupleDescAttr(columns, i)->attlen != -1) {
			continue;
		}
		const char *const value = DatumGetPointer(row->tts_values[i]);
		if (VARATT_IS_EXTERNAL_ONDISK(value)) {
			varatt_external pointer;
			VARATT_EXTERNAL_GET_POINTER(pointer, value);
			bytes += VARATT_EXTERNAL_GET_EXTSIZE(pointer);
		}
	}
	return bytes;
}

// In the form of the side.  Rows that are older than the last columns of their table are completed.
void convert(const SideTable &side, const HeapTuple tuple, TupleTableSlot *from, TupleTableSlot *to) {
	if (side.is_alike && HeapTupleHeaderGetNatts(tuple->t_data) == side.columns->maplen) {
		ExecCopySlot(to, from);
	} else {
		execute_attr_map_slot(side.columns, from, to);
		ExecMaterializeSlot(to);
	}
}

void write_side(SideRows *rows, SideTable &side, Rows kind) {
	pg::append_rows(side.table, side.slots, side.used, rows->bulk);
	if (kind == Rows::Gone) {
		CommandCounterIncrement();
		for (int i = 0; i < side.used; ++i) {
			simple_heap_delete(side.table, &side.slots[i]->tts_tid);
		}
	}
	for (int i = 0; i < side.used && side.target != nullptr; ++i) {
		// A constraint that is DEFERRABLE is not looked at again: its rows are such as a snapshot has seen together.
		// Those that are gone may be alike, as one has come after the other.
		pg::insert_index_tuples(side.target, side.slots[i], rows->state, kind == Rows::Gone);
		ResetPerTupleExprContext(rows->state);
		CHECK_FOR_INTERRUPTS();
	}
	side.used = 0;
}

// The slots of rows that are written are used again.
void forget_written(SideRows *rows) {
	if (!rows->is_written) {
		return;
	}
	for (int i = 0; i < rows->count; ++i) {
		ExecClearTuple(rows->rows[i].row);
	}
	rows->count = 0;
	rows->bytes = 0;
	rows->is_written = false;
}

SideRows *make_rows(Relation source, int sides) {
	auto *const rows = static_cast<SideRows *>(palloc0(sizeof(SideRows)));
	rows->source = source;
	rows->memory = CurrentMemoryContext;
	rows->batch = AllocSetContextCreate(CurrentMemoryContext, "pg_warden rows", ALLOCSET_DEFAULT_SIZES);
	rows->sides = static_cast<SideTable *>(palloc0(sizeof(SideTable) * static_cast<Size>(sides)));
	rows->side_count = sides;
	rows->state = CreateExecutorState();
	rows->bulk = GetBulkInsertState();
	rows->rows = static_cast<MovedRow *>(palloc(sizeof(MovedRow) * most_rows));
	return rows;
}

} // namespace

SideRows *begin_rows(const std::vector<Side> &sides, Relation source) {
	SideRows *const rows = pg::call(make_rows, source, static_cast<int>(sides.size()));
	for (std::size_t i = 0; i < sides.size(); ++i) {
		rows->sides[i].oid = sides[i].relation;
	}
	return rows;
}

void end_rows(SideRows *rows) {
	for (int i = 0; i < rows->side_count; ++i) {
		close_side(rows->sides[i]);
	}
	FreeBulkInsertState(rows->bulk);
	FreeExecutorState(rows->state);
	MemoryContextDelete(rows->batch);
}

void add_row(SideRows *rows, int number, TupleTableSlot *row, const Life &life) {
	forget_written(rows);
	SideTable &side = rows->sides[number];
	TupleTableSlot *const slot = next_slot(rows, side);
	const HeapTuple tuple = ExecFetchSlotHeapTuple(row, false, nullptr);
	rows->bytes += tuple->t_len + external_bytes(row, tuple);
	convert(side, tuple, row, slot);
	rows->rows[rows->count++] = {row->tts_tid, number, slot, life};
}

bool is_full(const SideRows *rows) {
	return !rows->is_written && (rows->count >= enough_rows || rows->bytes >= enough_bytes);
}

Written write_rows(SideRows *rows, Rows kind) {
	forget_written(rows);
	const MemoryContext previous = MemoryContextSwitchTo(rows->batch);
	for (int i = 0; i < rows->side_count; ++i) {
		if (rows->sides[i].used > 0) {
			write_side(rows, rows->sides[i], kind);
		}
	}
	MemoryContextSwitchTo(previous);
	MemoryContextReset(rows->batch);
	rows->is_written = true;
	return {rows->rows, rows->count, rows->bytes};
}

void note_written(PlaceMap &map, std::int16_t source, const std::vector<Side> &sides, const Written &written) {
	BlockNumber block = InvalidBlockNumber;
	RowPlaces places;
	const auto flush = [&] {
		if (block != InvalidBlockNumber) {
			map.write(source, block, places);
		}
	};
	for (const MovedRow &row : std::span(written.rows, static_cast<std::size_t>(written.count))) {
		if (const BlockNumber its = ItemPointerGetBlockNumber(&row.place); its != block) {
			flush();
			block = its;
			places = map.read(source, block);
		}
		const ItemPointerData &copy = row.row->tts_tid;
		places.put(ItemPointerGetOffsetNumber(&row.place),
		           {sides[static_cast<std::size_t>(row.side)].number, ItemPointerGetBlockNumber(&copy),
		            ItemPointerGetOffsetNumber(&copy)});
	}
	flush();
}

} // namespace warden::move
