// replay.cpp - The copies of changed rows deleted, and the rows that are there now copied again.
#include "move/replay.hpp"

#include "move/change_log.hpp"
#include "move/place_map.hpp"
#include "move/router.hpp"
#include "move/side_rows.hpp"
#include "move/source_state.hpp"

#include "pg/security.hpp"

#include <algorithm>
#include <limits>
#include <span>

extern "C" {
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

BlockNumber block_of(const Place &place) {
	return ItemPointerGetBlockNumberNoCheck(&place.tid);
}

OffsetNumber offset_of(const Place &place) {
	return ItemPointerGetOffsetNumberNoCheck(&place.tid);
}

bool is_copied(const Source &source, const Place &place) {
	const auto block = std::int64_t{block_of(place)};
	return block < source.next_block || block >= source.blocks;
}

// The places of one source that are copied.
struct Part {
	const Source *source;
	std::span<const Place> places;
};

// Calls for the places of each block.
template <class F>
void for_each_block(const Part &part, F &&body) {
	for (auto at = part.places.begin(); at != part.places.end();) {
		const BlockNumber block = block_of(*at);
		const auto end =
			std::find_if(at, part.places.end(), [&](const Place &place) { return block_of(place) != block; });
		body(block, std::span<const Place>(at, end));
		at = end;
	}
}

// A side that copies are deleted from.
struct Victim {
	Oid oid;
	Relation table;
	TupleTableSlot *row;
	BlockNumber blocks;
};

// Server code.
void delete_copy(Victim &side, ItemPointerData place) {
	CHECK_FOR_INTERRUPTS();
	if (side.table == nullptr) {
		side.table = table_open(side.oid, RowExclusiveLock);
		side.row = table_slot_create(side.table, nullptr);
		side.blocks = RelationGetNumberOfBlocks(side.table);
	}
	// Nobody else changes it; and heap_delete() trusts its caller that there is something.
	if (ItemPointerGetBlockNumber(&place) >= side.blocks ||
	    !table_tuple_fetch_row_version(side.table, &place, SnapshotSelf, side.row)) {
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
		        errmsg("a row that was copied into table \"%s\" is not there", RelationGetRelationName(side.table)),
		        errdetail("It was at (%u,%u).", ItemPointerGetBlockNumber(&place), ItemPointerGetOffsetNumber(&place)),
		        errhint("Use warden.partition_cancel(), and begin again."));
	}
	ExecClearTuple(side.row);
	simple_heap_delete(side.table, &place);
}

// Server code.
void close_victim(Victim &side) {
	if (side.table != nullptr) {
		ExecDropSingleTupleTableSlot(side.row);
		table_close(side.table, NoLock);
	}
}

void delete_copies(PlaceMap &map, const std::vector<Part> &parts, const std::vector<Side> &sides) {
	std::int16_t most = 0;
	for (const Side &side : sides) {
		most = std::max(most, side.number);
	}
	std::vector<Victim> victims(static_cast<std::size_t>(most) + 1);
	for (const Side &side : sides) {
		victims[static_cast<std::size_t>(side.number)].oid = side.relation;
	}
	const auto drop = [&](const Copy &copy) {
		if (copy.side < 0 || static_cast<std::size_t>(copy.side) >= victims.size()) {
			throw Error(ERRCODE_DATA_CORRUPTED,
			            format("the map of a move names a table %d that there is none of", copy.side));
		}
		ItemPointerData place;
		ItemPointerSet(&place, copy.block, copy.offset);
		call(delete_copy, victims[static_cast<std::size_t>(copy.side)], place);
	};
	for (const Part &part : parts) {
		for_each_block(part, [&](BlockNumber block, std::span<const Place> places) {
			RowPlaces known = map.read(part.source->number, block);
			bool is_changed = false;
			for (const Place &place : places) {
				if (const std::optional<Copy> copy = known.find(offset_of(place))) {
					drop(*copy);
					known.erase(offset_of(place));
					is_changed = true;
				}
			}
			if (is_changed) {
				map.write(part.source->number, block, known);
			}
		});
	}
	for (Victim &victim : victims) {
		call(close_victim, victim);
	}
}

// Rows that are looked at by their places.
struct Lookup {
	Relation source;
	Snapshot snapshot;
	TupleTableSlot *row;
	Router *router;
	SideRows *rows;
	BlockNumber blocks;
	MemoryContext memory;
};

// Server code.
void begin_lookup(Lookup &lookup) {
	lookup.row = table_slot_create(lookup.source, nullptr);
	lookup.blocks = RelationGetNumberOfBlocks(lookup.source);
	lookup.memory = AllocSetContextCreate(CurrentMemoryContext, "pg_warden keys", ALLOCSET_DEFAULT_SIZES);
}

// Server code.
void end_lookup(Lookup &lookup) {
	end_rows(lookup.rows);
	ExecDropSingleTupleTableSlot(lookup.row);
	MemoryContextDelete(lookup.memory);
}

// Server code.  Collects what is at places, up to the end of a block; returns how many were looked at.
std::size_t collect(Lookup &lookup, const Place *places, std::size_t count) {
	std::size_t i = 0;
	BlockNumber block = InvalidBlockNumber;
	for (; i < count; ++i) {
		ItemPointerData place = places[i].tid;
		const BlockNumber its = ItemPointerGetBlockNumberNoCheck(&place);
		if (its != block && is_full(lookup.rows)) {
			break;
		}
		block = its;
		CHECK_FOR_INTERRUPTS();
		// VACUUM may have cut off the end of the table.
		if (its >= lookup.blocks ||
		    !table_tuple_fetch_row_version(lookup.source, &place, lookup.snapshot, lookup.row)) {
			continue;
		}
		const MemoryContext previous = MemoryContextSwitchTo(lookup.memory);
		const int side = route_or_fail(lookup.router, lookup.row);
		add_row(lookup.rows, side, lookup.row);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(lookup.memory);
	}
	ExecClearTuple(lookup.row);
	return i;
}

void insert_present(const Job &job, PlaceMap &map, const Part &part, const std::vector<Side> &sides,
                    Snapshot snapshot) {
	if (part.places.empty()) {
		return;
	}
	const ScratchMemory memory;
	const OpenSource relation(*part.source);
	Lookup lookup = {};
	lookup.source = relation.get();
	lookup.snapshot = snapshot;
	lookup.router = make_router(sides, part.source->relation, key_of(job, sides));
	lookup.rows = begin_rows(sides, lookup.source);
	call(begin_lookup, lookup);
	for (std::span<const Place> left = part.places; !left.empty();) {
		left = left.subspan(call(collect, lookup, left.data(), left.size()));
		note_written(map, part.source->number, sides, call(write_rows, lookup.rows));
	}
	call(end_lookup, lookup);
}

// By source, in the order of both; without places that are still to be copied: the copy will see what is there then.
std::vector<Part> parts_of(std::vector<Place> &places, const std::vector<Source> &sources) {
	const auto source_of = [&](const Place &place) {
		return std::ranges::find(sources, place.source, &Source::number);
	};
	std::vector<Part> parts;
	std::erase_if(places, [&, source = sources.end()](const Place &place) mutable {
		if (source == sources.end() || source->number != place.source) {
			source = source_of(place);
		}
		return source == sources.end() || !is_copied(*source, place);
	});
	for (auto at = places.begin(); at != places.end();) {
		const std::int16_t number = at->source;
		const auto end =
			std::ranges::find_if(at, places.end(), [&](const Place &place) { return place.source != number; });
		parts.push_back({&*source_of(*at), std::span<const Place>(at, end)});
		at = end;
	}
	return parts;
}

std::int64_t replay(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                    std::size_t limit) {
	const ScratchMemory memory;
	for (const Source &source : sources) {
		const OpenSource check(source);
	}
	PlaceMap map(job.map);
	map.check_storage(sides);
	call(CommandCounterIncrement);
	const LatestSnapshot snapshot;
	std::vector<Place> places = take_changes(job.log, snapshot.get(), limit);
	const auto count = static_cast<std::int64_t>(places.size());
	const std::vector<Part> parts = parts_of(places, sources);
	delete_copies(map, parts, sides);
	call(CommandCounterIncrement);
	for (const Part &part : parts) {
		insert_present(job, map, part, sides, snapshot.get());
	}
	return count;
}

} // namespace

std::int64_t replay_changes(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                            std::optional<std::size_t> limit) {
	std::int64_t count = 0;
	{
		const AsOwner owner(owner_of(job.wish.target));
		count = replay(job, sources, sides, limit.value_or(std::numeric_limits<std::size_t>::max()));
	}
	call(CommandCounterIncrement);
	return count;
}

} // namespace warden::move
