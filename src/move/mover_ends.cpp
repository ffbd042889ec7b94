// mover_ends.cpp - How a job begins and how it ends: what is made before the copy, and taken away after the swap or
// instead of it.
#include "move/mover_run.hpp"

#include "move/change_log.hpp"
#include "move/fingerprint.hpp"
#include "move/place_map.hpp"
#include "move/row_capture.hpp"
#include "move/side.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <tuple>

extern "C" {
#include "storage/bufmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

/// Writers are kept away for as long as it takes: from then on each change of theirs is logged.
void capture(const Run &run, Source source) {
	if (!lock_patiently(run.procedure, run.id, source.relation, ShareRowExclusiveLock)) {
		throw Error(errcode_begin_anew, format("table with OID %u was dropped", source.relation));
	}
	source.trigger = create_capture(read_job(run.id), source);
	{
		const OpenRelation table(source.relation, NoLock);
		source.filenode = table->rd_rel->relfilenode;
		source.blocks = call([&] { return RelationGetNumberOfBlocks(table.get()); });
		source.next_block = 0;
	}
	set_captured(run.id, source);
	run.procedure.commit();
}

/// What an earlier try has made, or this one before it was cut short.
bool has_remains(const Job &job) {
	return OidIsValid(job.log) || OidIsValid(job.map) || !read_sources(job.id).empty() || !read_sides(job.id).empty();
}

void analyze_target(const Procedure &procedure, Oid target) {
	const auto error = procedure.attempt([&] {
		{
			const std::string name = qualified_name(target);
			const AsOwner owner(owner_of(target));
			Spi().execute(("ANALYZE " + name).c_str());
		}
		procedure.commit();
	});
	if (error && error->sqlstate == ERRCODE_QUERY_CANCELED) {
		throw Error(*error);
	}
	if (error) {
		report(WARNING, Error(error->sqlstate,
		                      format("could not analyze %s: %s", qualified_name(target).c_str(), error->what())));
	}
}

/// Drops the sides that are still ours, one a transaction: there may be more than one has locks for.
void drop_sides(const Procedure &procedure, const std::vector<Side> &sides) {
	for (const Side &side : sides) {
		drop_side(side);
		procedure.commit();
	}
}

void forget(const Job &job) {
	drop_tables(job);
	set_tables(job.id, InvalidOid, InvalidOid);
	forget_parts(job.id);
}

} // namespace

void prepare(const Run &run) {
	if (has_remains(read_job(run.id))) {
		take_back(run.procedure, run.id);
	}
	const Oid target = read_job(run.id).wish.target;
	check_owner(target);
	// Before the sides are made, as they are made of what it is of.
	set_fingerprint(run.id, fingerprint_of(read_job(run.id)));
	run.procedure.commit();
	run.operations.prepare(run.procedure, read_job(run.id));
	run.procedure.commit();
	const auto sources = read_sources(run.id);
	if (sources.empty() && read_sides(run.id).empty()) {
		set_phase(run.id, Phase::Finish);
		run.procedure.commit();
		return;
	}
	if (!sources.empty()) {
		const Oid log = create_log(run.id);
		const Oid map = create_map(run.id);
		set_tables(run.id, log, map);
		run.procedure.commit();
	}
	for (const Source &source : sources) {
		capture(run, source);
	}
	const Job job = read_job(run.id);
	check_unaltered(job);
	set_phase(run.id, Phase::Copy);
	run.procedure.commit();
}

void finish(const Run &run) {
	const Job job = read_job(run.id);
	run.operations.finish(run.procedure, job);
	run.procedure.commit();
	auto sides = read_sides(run.id);
	const bool has_copied = !sides.empty();
	std::erase_if(sides, [](const Side &side) { return side.attach.has_value(); }); // a partition, with all its rows
	drop_sides(run.procedure, sides);
	forget(job);
	run.procedure.commit();
	if (has_copied && job.wish.kind != Kind::Drain) { // whose finish() does that of what is new
		analyze_target(run.procedure, job.wish.target);
	}
	leave(run.id, Ending::Done);
	run.procedure.commit();
}

void check_unaltered(const Job &job) {
	if (fingerprint_of(job) != job.fingerprint) {
		throw Error(errcode_begin_anew, format("%s was altered", qualified_name(job.wish.target).c_str()));
	}
}

void take_back(const Procedure &procedure, std::int64_t id) {
	set_phase(id, Phase::Prepare); // nothing of it may be used any more, whenever this is cut short
	std::ignore = take_mark(id);
	procedure.commit();
	const Job job = read_job(id);
	for (const Source &source : read_sources(id)) {
		if (OidIsValid(source.trigger) && lock_patiently(procedure, id, source.relation, ShareRowExclusiveLock)) {
			drop_capture(source);
		}
		procedure.commit();
	}
	drop_sides(procedure, read_sides(id));
	forget(job);
	procedure.commit();
}

} // namespace warden::move
