// mover_dating.cpp - Replays that older snapshots do not notice: committed, and then dated.
#include "move/mover_run.hpp"

#include "move/replay.hpp"

#include "pg/names.hpp"

#include <algorithm>

namespace warden::move {

using namespace pg;

namespace {

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

std::vector<SideFile> files_of(const Dating &dating, const std::vector<Side> &sides) {
	std::vector<SideFile> files;
	for_each_side(dating, [&](std::int16_t number, const Dated *, std::size_t) {
		const Side &side = side_of(sides, number);
		files.push_back({.side = &side, .file = file_of(side.relation)});
	});
	return files;
}

void commit_swap(Oid target, const Dating &dating, const std::vector<SideFile> &files) {
	commit_dated(dating, [&](std::int16_t number) {
		const auto file = std::ranges::find_if(files, [&](const SideFile &its) { return its.side->number == number; });
		for (const Oid relation : {file->side->relation, file->side->stands_for, target}) {
			if (file_of(relation) == file->file) {
				return relation;
			}
		}
		throw Error(ERRCODE_DATA_CORRUPTED, format("nobody has the storage %u after a swap", file->file));
	});
}

} // namespace warden::move
