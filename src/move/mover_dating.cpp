// mover_dating.cpp - Replays that older snapshots do not notice: committed, and then dated.
#include "move/mover_run.hpp"

#include "move/replay.hpp"

#include "pg/names.hpp"

#include <algorithm>

extern "C" {
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Calls for the copies in each side.
template <class F>
void for_each_side(const Dating &dating, F &&body) {
	for (auto at = dating.copies.begin(); at != dating.copies.end();) {
		const std::int16_t number = at->side;
		const auto end = std::find_if(at, dating.copies.end(), [&](const Dated &copy) { return copy.side != number; });
		body(number, &*at, static_cast<std::size_t>(end - at));
		at = end;
	}
}

const Side &side_of(const std::vector<Side> &sides, std::int16_t number) {
	const auto side = std::ranges::find(sides, number, &Side::number);
	if (side == sides.end()) {
		throw Error(ERRCODE_DATA_CORRUPTED, format("a move has no table %d that its rows were copied into", number));
	}
	return *side;
}

Oid file_of(Oid relation) {
	return OidIsValid(relation) && relation_exists(relation) ? OpenRelation(relation, NoLock)->rd_rel->relfilenode
	                                                         : InvalidOid;
}

// Server code.  With the locks of the transaction, beyond its end, until each copy is dated; and not to be interrupted.
void commit_and_date(Oid target, const DatedPart *parts, std::size_t count, TransactionId written_by) {
	LockRelId table = {target, MyDatabaseId};
	LockRelationIdForSession(&table, AccessExclusiveLock);
	for (std::size_t i = 0; i < count; ++i) {
		LockRelId part = {parts[i].relation, MyDatabaseId};
		LockRelationIdForSession(&part, AccessExclusiveLock);
	}
	HOLD_INTERRUPTS();
	SPI_commit();
	for (std::size_t i = 0; i < count; ++i) {
		LockRelId part = {parts[i].relation, MyDatabaseId};
		date_copies(parts[i].relation, written_by, parts[i].copies, parts[i].count);
		UnlockRelationIdForSession(&part, AccessExclusiveLock);
	}
	UnlockRelationIdForSession(&table, AccessExclusiveLock);
	RESUME_INTERRUPTS();
}

} // namespace

std::int64_t replay_and_date(const Run &run) {
	Dating dating;
	std::int64_t places = 0;
	{
		const ScratchMemory memory;
		const Job job = read_job(run.id);
		if (!OidIsValid(job.log)) {
			return 0;
		}
		places = replay_dated(job, read_sources(run.id), read_sides(run.id), dating);
		if (places > 0) {
			note_replayed(run.id, places);
		}
	}
	run.procedure.commit();
	const auto sides = read_sides(run.id);
	for_each_side(dating, [&](std::int16_t number, const Dated *copies, std::size_t count) {
		const Oid relation = side_of(sides, number).relation;
		if (lock_patiently(run.procedure, run.id, relation, ShareUpdateExclusiveLock)) {
			call(date_copies, relation, dating.written_by, copies, count);
		}
		run.procedure.commit();
	});
	return places;
}

std::vector<DatedPart> find_parts(const Dating &dating, const std::vector<Side> &sides) {
	std::vector<DatedPart> parts;
	for_each_side(dating, [&](std::int16_t number, const Dated *copies, std::size_t count) {
		const Side &side = side_of(sides, number);
		parts.push_back({.side = &side, .file = file_of(side.relation), .copies = copies, .count = count});
	});
	return parts;
}

void commit_swap(Oid target, std::vector<DatedPart> parts, const Dating &dating) {
	for (DatedPart &part : parts) {
		for (const Oid relation : {part.side->relation, part.side->stands_for, target}) {
			if (file_of(relation) == part.file) {
				part.relation = relation;
			}
		}
		if (!OidIsValid(part.relation)) {
			throw Error(ERRCODE_DATA_CORRUPTED, format("nobody has the storage %u after a swap", part.file));
		}
	}
	call(commit_and_date, target, parts.data(), parts.size(), dating.written_by);
}

} // namespace warden::move
