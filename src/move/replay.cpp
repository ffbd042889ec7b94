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
#include "access/transam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

BlockNumber block_of(const Change &place) {
	return ItemPointerGetBlockNumberNoCheck(&place.tid);
}

OffsetNumber offset_of(const Change &place) {
	return ItemPointerGetOffsetNumberNoCheck(&place.tid);
}

bool is_copied(const Source &source, const Change &place) {
	const auto block = std::int64_t{block_of(place)};
	return block < source.next_block || block >= source.blocks;
}

// The places of one source that are copied.
struct Part {
	const Source *source;
	std::span<const Change> places;
};

// Calls for the places of each block.
template <class F>
void for_each_block(const Part &part, F &&body) {
	for (auto at = part.places.begin(); at != part.places.end();) {
		const BlockNumber block = block_of(*at);
		const auto end =
			std::find_if(at, part.places.end(), [&](const Change &place) { return block_of(place) != block; });
		body(block, std::span<const Change>(at, end));
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

void delete_copies(PlaceMap &map, const std::vector<Part> &parts, const std::vector<Side> &sides, Dating *dating) {
	std::int16_t most = 0;
	for (const Side &side : sides) {
		most = std::max(most, side.number);
	}
	std::vector<Victim> victims(static_cast<std::size_t>(most) + 1);
	for (const Side &side : sides) {
		victims[static_cast<std::size_t>(side.number)].oid = side.relation;
	}
	const auto drop = [&](const Copy &copy, TransactionId ended) {
		if (copy.side < 0 || static_cast<std::size_t>(copy.side) >= victims.size()) {
			throw Error(ERRCODE_DATA_CORRUPTED,
			            format("the map of a move names a table %d that there is none of", copy.side));
		}
		ItemPointerData place;
		ItemPointerSet(&place, copy.block, copy.offset);
		call(delete_copy, victims[static_cast<std::size_t>(copy.side)], place);
		if (dating != nullptr) {
			dating->copies.push_back({copy.side, place, {.ended = ended}});
		}
	};
	for (const Part &part : parts) {
		for_each_block(part, [&](BlockNumber block, std::span<const Change> places) {
			RowPlaces known = map.read(part.source->number, block);
			bool is_changed = false;
			for (const Change &place : places) {
				if (const std::optional<Copy> copy = known.find(offset_of(place))) {
					drop(*copy, place.ended_by);
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
	Rows kind;
	TransactionId horizon; ///< what ended before is seen by nobody
	TupleTableSlot *row;
	Router *router;
	SideRows *rows;
	BlockNumber blocks;
	MemoryContext memory;
	bool only_looks; ///< rows stay where they are
};

// Server code.
void begin_lookup(Lookup &lookup) {
	lookup.horizon =
		lookup.kind == Rows::Gone ? GetOldestNonRemovableTransactionId(lookup.source) : InvalidTransactionId;
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

// Server code.  Gets the row at a place into the slot, if it is of the kind that is looked for.
bool fetch(const Lookup &lookup, const ItemPointerData &place, Life &life) {
	ExecClearTuple(lookup.row);
	HeapTuple const row = &reinterpret_cast<BufferHeapTupleTableSlot *>(lookup.row)->base.tupdata;
	row->t_self = place;
	Buffer buffer = InvalidBuffer;
	const bool is_seen = heap_fetch(lookup.source, lookup.snapshot, row, &buffer, true);
	bool is_wanted = is_seen && lookup.kind == Rows::Present;
	if (is_wanted) {
		life = {.began = HeapTupleHeaderGetXmin(row->t_data)};
	} else if (!is_seen && row->t_data != nullptr && lookup.kind == Rows::Gone) {
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		life = life_of(row->t_data);
		is_wanted = has_gone(row->t_data, life, lookup.snapshot, lookup.horizon);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	if (is_wanted) {
		ExecStorePinnedBufferHeapTuple(row, lookup.row, buffer);
		lookup.row->tts_tableOid = RelationGetRelid(lookup.source);
	} else if (BufferIsValid(buffer)) {
		ReleaseBuffer(buffer);
	}
	return is_wanted;
}

// Server code.  Collects what is at places, up to the end of a block; returns how many were looked at.
std::size_t collect(Lookup &lookup, const Change *places, std::size_t count) {
	std::size_t i = 0;
	BlockNumber block = InvalidBlockNumber;
	for (; i < count; ++i) {
		const BlockNumber its = ItemPointerGetBlockNumberNoCheck(&places[i].tid);
		if (its != block && is_full(lookup.rows)) {
			break;
		}
		block = its;
		CHECK_FOR_INTERRUPTS();
		Life life;
		// VACUUM may have cut off the end of the table.
		if (its >= lookup.blocks || (lookup.kind == Rows::Gone && !places[i].has_begun) ||
		    !fetch(lookup, places[i].tid, life)) {
			continue;
		}
		const MemoryContext previous = MemoryContextSwitchTo(lookup.memory);
		if (lookup.only_looks) {
			check_stays(lookup.router, lookup.row);
		} else {
			const int side = route_or_fail(lookup.router, lookup.row);
			add_row(lookup.rows, side, lookup.row, life);
		}
		MemoryContextSwitchTo(previous);
		MemoryContextReset(lookup.memory);
	}
	ExecClearTuple(lookup.row);
	return i;
}

void note_lives(Dating &dating, const std::vector<Side> &sides, const Written &written) {
	for (const MovedRow &row : std::span(written.rows, static_cast<std::size_t>(written.count))) {
		dating.copies.push_back({sides[static_cast<std::size_t>(row.side)].number, row.row->tts_tid, row.life});
	}
}

// What one source has at its places: rows that the snapshot sees, or such as are gone.
void insert_rows(const Job &job, PlaceMap &map, const Part &part, const std::vector<Side> &sides, Snapshot snapshot,
                 Rows kind, Dating *dating) {
	if (part.places.empty()) {
		return;
	}
	const ScratchMemory memory;
	const OpenSource relation(*part.source);
	Lookup lookup = {};
	lookup.source = relation.get();
	lookup.snapshot = snapshot;
	lookup.kind = kind;
	lookup.only_looks = job.wish.metadata_only;
	lookup.router = make_router(sides, part.source->relation, key_of(job, sides));
	lookup.rows = begin_rows(sides, lookup.source);
	call(begin_lookup, lookup);
	for (std::span<const Change> left = part.places; !left.empty();) {
		left = left.subspan(call(collect, lookup, left.data(), left.size()));
		const Written written = call(write_rows, lookup.rows, kind);
		if (kind == Rows::Present) {
			note_written(map, part.source->number, sides, written);
		}
		if (dating != nullptr) {
			note_lives(*dating, sides, written);
		}
	}
	call(end_lookup, lookup);
}

// By source, in the order of both; without places that are still to be copied: the copy will see what is there then.
std::vector<Part> parts_of(std::vector<Change> &places, const std::vector<Source> &sources) {
	const auto source_of = [&](const Change &place) {
		return std::ranges::find(sources, place.source, &Source::number);
	};
	std::vector<Part> parts;
	std::erase_if(places, [&, source = sources.end()](const Change &place) mutable {
		if (source == sources.end() || source->number != place.source) {
			source = source_of(place);
		}
		return source == sources.end() || !is_copied(*source, place);
	});
	for (auto at = places.begin(); at != places.end();) {
		const std::int16_t number = at->source;
		const auto end =
			std::ranges::find_if(at, places.end(), [&](const Change &place) { return place.source != number; });
		parts.push_back({&*source_of(*at), std::span<const Change>(at, end)});
		at = end;
	}
	return parts;
}

/// How much of the log: so many rows, or all of it, if that is no more than so many.
struct Extent {
	std::size_t limit = std::numeric_limits<std::size_t>::max();
	bool is_all = true;
};

std::int64_t replay(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides, Extent extent,
                    Dating *dating) {
	const ScratchMemory memory;
	for (const Source &source : sources) {
		const OpenSource check(source);
	}
	PlaceMap map(job.map);
	map.check_storage(sides);
	call(CommandCounterIncrement);
	const LatestSnapshot snapshot;
	Changes changes = take_changes(job.log, snapshot.get(), extent.limit);
	if (extent.is_all && !changes.is_all) {
		throw Error(errcode_not_yet, "too many changes are left to be replayed");
	}
	const auto count = static_cast<std::int64_t>(changes.places.size());
	const std::vector<Part> parts = parts_of(changes.places, sources);
	delete_copies(map, parts, sides, dating);
	call(CommandCounterIncrement);
	for (const Rows kind : {Rows::Gone, Rows::Present}) {
		if (kind == Rows::Gone && (dating == nullptr || job.wish.metadata_only)) {
			continue;
		}
		for (const Part &part : parts) {
			insert_rows(job, map, part, sides, snapshot.get(), kind, dating);
		}
	}
	if (dating != nullptr && count > 0) {
		dating->written_by = call(GetCurrentTransactionId);
		sort(*dating);
	}
	return count;
}

std::int64_t replay_as_owner(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                             Extent extent, Dating *dating) {
	std::int64_t count = 0;
	{
		const AsOwner owner(owner_of(job.wish.target));
		count = replay(job, sources, sides, extent, dating);
	}
	call(CommandCounterIncrement);
	return count;
}

} // namespace

std::int64_t replay_changes(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                            std::optional<std::size_t> limit) {
	return replay_as_owner(job, sources, sides, limit ? Extent{.limit = *limit, .is_all = false} : Extent{}, nullptr);
}

std::int64_t replay_dated(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                          Dating &dating, std::optional<std::size_t> most) {
	return replay_as_owner(job, sources, sides, most ? Extent{.limit = *most} : Extent{}, &dating);
}

} // namespace warden::move
