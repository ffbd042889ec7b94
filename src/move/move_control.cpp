// move_control.cpp - Jobs paused, resumed and canceled, by a person or by CALL warden.maintain(); and the settings.
#include "move/move.hpp"

#include "move/drain_direct.hpp"
#include "move/mover.hpp"
#include "move/mover_run.hpp"
#include "move/origins.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <climits>

extern "C" {
#include "access/xlog.h"
#include "utils/guc.h"
}

namespace warden::move {

using namespace pg;

namespace {

constinit int wait_s = 3600;
constinit int slice_s = 60;
constexpr int other_poll_ms = 100;

/// The open job of a table of the caller's.
Job own_job(FunctionCallInfo fcinfo) {
	const Oid target = required_argument<Oid>(fcinfo, 0, "target");
	if (!relation_exists(target)) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", target));
	}
	check_owner(target);
	auto job = find_job(target);
	if (!job) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("no rows of %s are being moved", qualified_name(target).c_str()))
			.with_hint("Look at warden.partition_moves.");
	}
	return *job;
}

void warn(const Job &job, const Error &error) {
	Error warning(error.sqlstate, format("could not go on with the %s of %s: %s", name_of(job.wish.kind),
	                                     qualified_name(job.wish.target).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = error.hint;
	report(WARNING, warning);
}

/// What is left of a job whose table is gone; anybody may have it taken away.
void clean_up(const Procedure &procedure, std::int64_t id) {
	claim(id);
	procedure.commit();
	take_back(procedure, id);
	leave(id, Ending::Canceled);
	procedure.commit();
}

void resume(const Procedure &procedure, const Job &job) {
	claim(job.id);
	if (wanted(job.id) == Wanted::Cancel) { // which was cut short
		cancel_job(procedure, job.id);
		return;
	}
	run_job(procedure, job.id, slice_s > 0 ? std::optional<double>(slice_s) : std::nullopt);
}

} // namespace

int longest_wait_s() {
	return wait_s;
}

PG_FUNCTION(partition_pause) {
	const Job job = own_job(fcinfo);
	const std::string name = qualified_name(job.wish.target);
	if (is_worked_on(job.id)) {
		want(job.id, Wanted::Pause);
		return result(fcinfo,
		              format("the %s of %s pauses after its current step", name_of(job.wish.kind), name.c_str()));
	}
	leave(job.id, Ending::Paused);
	return result(fcinfo, format("the %s of %s is paused", name_of(job.wish.kind), name.c_str()));
}

PG_FUNCTION(partition_resume) {
	const Procedure procedure(fcinfo, nullptr);
	const Job job = own_job(fcinfo);
	claim(job.id);
	run_job(procedure, job.id);
	PG_RETURN_VOID();
}

PG_FUNCTION(partition_cancel) {
	const Procedure procedure(fcinfo, nullptr);
	const Job job = own_job(fcinfo);
	want(job.id, Wanted::Cancel);
	procedure.commit();
	while (is_worked_on(job.id)) {
		procedure.commit();
		procedure.pause(other_poll_ms);
	}
	const auto left = find_job(job.wish.target);
	if (left && left->id == job.id) {
		claim(job.id);
		cancel_job(procedure, job.id);
	}
	PG_RETURN_VOID();
}

/// partition_move_is_alive(pid integer, backend_start timestamptz)
PG_FUNCTION(partition_move_is_alive) {
	const auto pid = argument<std::optional<int32>>(fcinfo, 0);
	const auto started = argument<std::optional<Timestamptz>>(fcinfo, 1);
	const bool is_alive = pid && started && is_process(*pid, started->value);
	return result(fcinfo, is_alive);
}

void maintain(const Procedure &procedure) {
	if (call(RecoveryInProgress)) {
		return;
	}
	const auto interrupted = interrupted_jobs();
	const auto orphans = orphaned_jobs();
	delete_old_jobs();
	delete_old_origins();
	procedure.commit();
	for (const std::int64_t id : orphans) {
		if (const auto error = procedure.attempt([&] { clean_up(procedure, id); })) {
			report(WARNING,
			       Error(error->sqlstate, format("could not clean up after move %lld, whose table was dropped: %s",
			                                     static_cast<long long>(id), error->what())));
		}
	}
	for (const std::int64_t id : interrupted) {
		check_for_interrupts();
		const Job job = read_job(id);
		if (!relation_exists(job.wish.target) || !owns(job.wish.target)) {
			continue;
		}
		const auto error = procedure.attempt([&] { resume(procedure, job); });
		if (error && error->sqlstate == ERRCODE_QUERY_CANCELED) {
			throw Error(*error);
		}
		if (error) {
			warn(job, *error);
		}
	}
	procedure.commit();
}

void init() {
	init_drain();
	DefineCustomIntVariable(
		"warden.partition_move_slice", "Sets how long CALL warden.maintain() works on a move that was interrupted.",
		"0: until it is done.", &slice_s, 60, 0, INT_MAX / 1000, PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.partition_move_wait",
	                        "Sets how long a move waits for transactions that began before its copy.",
	                        "After that it is paused. 0: without end.", &wait_s, 3600, 0, INT_MAX / 1000, PGC_USERSET,
	                        GUC_UNIT_S, nullptr, nullptr, nullptr);
}

} // namespace warden::move
