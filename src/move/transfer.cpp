// transfer.cpp - Blocks of a source read in order, under one snapshot, and their rows written a thousand at a time.
//
// The invariant: the map has a block's rows in the transaction that has copied them, and next_block is set in the same.
#include "move/transfer.hpp"

#include "move/place_map.hpp"
#include "move/router.hpp"
#include "move/side_rows.hpp"
#include "move/source_state.hpp"

#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Server code, but for the functions that make it.
struct Reading {
	TableScanDesc scan;
	TupleTableSlot *row;
	Router *router;
	SideRows *rows;
	MemoryContext memory; ///< for the comparisons of a block's rows
	bool only_looks;      ///< the rows stay where they are
	bool is_ahead;        ///< the row at hand is of the next chunk
};

// Server code.
void begin_reading(Reading &reading, Relation source, Snapshot snapshot, BlockNumber first, BlockNumber count) {
	reading.scan = table_beginscan_strat(source, snapshot, 0, nullptr, true, false);
	heap_setscanlimits(reading.scan, first, count);
	reading.row = table_slot_create(source, nullptr);
	reading.memory = AllocSetContextCreate(CurrentMemoryContext, "pg_warden keys", ALLOCSET_DEFAULT_SIZES);
	reading.is_ahead = false;
}

// Server code.
void end_reading(Reading &reading) {
	end_rows(reading.rows);
	ExecDropSingleTupleTableSlot(reading.row);
	table_endscan(reading.scan);
	MemoryContextDelete(reading.memory);
}

// Server code.  Collects rows until there are enough, and the block that the last is of has no more.  False: no more
// are there.
bool collect(Reading &reading) {
	BlockNumber block = InvalidBlockNumber;
	while (reading.is_ahead || table_scan_getnextslot(reading.scan, ForwardScanDirection, reading.row)) {
		const BlockNumber its = ItemPointerGetBlockNumber(&reading.row->tts_tid);
		reading.is_ahead = its != block && is_full(reading.rows);
		if (reading.is_ahead) {
			return true;
		}
		block = its;
		const MemoryContext previous = MemoryContextSwitchTo(reading.memory);
		if (reading.only_looks) {
			check_stays(reading.router, reading.row);
		} else {
			const int side = route_or_fail(reading.router, reading.row);
			add_row(reading.rows, side, reading.row, Life());
		}
		MemoryContextSwitchTo(previous);
		MemoryContextReset(reading.memory);
	}
	return false;
}

Copied copy(const Job &job, const Source &source, const std::vector<Side> &sides, BlockNumber first,
            BlockNumber count) {
	const OpenSource relation(source);
	PlaceMap map(job.map);
	map.check_storage(sides);
	const LatestSnapshot snapshot;
	// Blocks that VACUUM has cut off have no rows; those that come back have rows that are logged.
	const BlockNumber present = call([&] { return RelationGetNumberOfBlocks(relation.get()); });
	Copied copied{std::int64_t{first} + count, 0, 0};
	if (first >= present) {
		return copied;
	}
	Reading reading = {};
	reading.router = make_router(sides, source.relation, key_of(job, sides));
	reading.rows = begin_rows(sides, relation.get());
	reading.only_looks = job.wish.metadata_only;
	call(begin_reading, reading, relation.get(), snapshot.get(), first, std::min(count, present - first));
	bool has_more = true;
	while (has_more) {
		has_more = call(collect, reading);
		const Written written = call(write_rows, reading.rows, Rows::Present);
		note_written(map, source.number, sides, written);
		copied.rows += written.count;
		copied.bytes += written.bytes;
	}
	call(end_reading, reading);
	return copied;
}

} // namespace

Copied copy_blocks(const Job &job, const Source &source, const std::vector<Side> &sides, std::int64_t blocks) {
	const auto first = static_cast<BlockNumber>(std::min<std::int64_t>(source.next_block, source.blocks));
	const auto count = static_cast<BlockNumber>(std::clamp<std::int64_t>(blocks, 0, source.blocks - first));
	Copied copied{first, 0, 0};
	if (count > 0) {
		const AsOwner owner(owner_of(job.wish.target));
		const ScratchMemory memory;
		copied = copy(job, source, sides, first, count);
	}
	// What comes next in this transaction may change what was written.
	call(CommandCounterIncrement);
	return copied;
}

} // namespace warden::move
