// control.cpp - What can be done with a job that there is: remove, pause, resume, run now, cancel.
//
// The invariant: whoever changes a job changes the version of its state first; the workers leave such a job alone until
// that is committed, and what they had read of it before is void.
#include "schedule/add.hpp"

#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/zone.hpp"
#include "schedule/board.hpp"
#include "schedule/settings.hpp"

extern "C" {
#include "tcop/utility.h"
#include "utils/acl.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

// A job by its name, for a caller who has the rights of its owner.
struct Named {
	std::int64_t id;
	std::string name;
	Oid owner;
	bool confirmed; ///< has a state in this database
};

Named find_named(Spi &spi, std::string_view name, Oid caller) {
	for (const auto &[id, owner, confirmed] : spi.query<int64, Oid, bool>(
			 "SELECT k.id, warden.job_owner(k.command), s.job IS NOT NULL FROM warden.schedule_known k"
			 " LEFT JOIN warden.schedule_states s ON s.job = k.id AND s.database = $2 WHERE k.name = $1",
			 name, MyDatabaseId)) {
		const Oid role = owner;
		if (!call([&] { return may_act_as(caller, role); })) {
			throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
			            format("must be owner of job \"%s\"", std::string(name).c_str()))
				.with_detail(format("Its owner is role \"%s\".", call([&] { return GetUserNameFromId(role, true); })));
		}
		return {id, std::string(name), owner, confirmed};
	}
	throw Error(ERRCODE_UNDEFINED_OBJECT, format("job \"%s\" does not exist", std::string(name).c_str()))
		.with_hint("The jobs are in warden.schedule_jobs.");
}

// The same, locked: what was read before a wait may not be so any more.
Named lock_named(Spi &spi, std::string_view name, Oid caller) {
	for (;;) {
		const Named job = find_named(spi, name, caller);
		spi.execute("UPDATE warden.schedule_states SET version = version + 1 WHERE job = $1", int64{job.id});
		const Named again = find_named(spi, name, caller);
		if (again.id == job.id) {
			return again;
		}
		check_for_interrupts();
	}
}

// Makes a row of the built-in job, which has none as long as nobody changes it.
void define(Spi &spi, const Named &job) {
	if (job.id == builtin_job) {
		spi.execute("INSERT INTO warden.schedule_definitions SELECT * FROM warden.schedule_known WHERE id = 0"
		            " ON CONFLICT DO NOTHING");
	}
}

void cancel_waiting(Spi &spi, const Named &job, std::string_view why) {
	spi.execute("UPDATE warden.schedule_slots SET status = 'canceled', ended = clock_timestamp(), message = $2"
	            " WHERE job = $1 AND status = 'waiting'",
	            int64{job.id}, why);
}

// The first slot from now on, for a job that fires again.
void set_next(Spi &spi, std::int64_t id) {
	using Text = std::string_view;
	const Moment now = call(GetCurrentTimestamp);
	// What came with a copy of another database was that one's to run.
	spi.execute("UPDATE warden.schedule_slots SET status = 'canceled', ended = clock_timestamp(),"
	            "     message = 'it came with a copy of a database'"
	            " WHERE job = $1 AND status IN ('waiting', 'running') AND NOT EXISTS ("
	            "     SELECT FROM warden.schedule_states s WHERE s.job = $1 AND s.database = $2)",
	            int64{id}, MyDatabaseId);
	for (const auto &[text, period, moment, zone, anchor, window] :
	     spi.query<Text, std::optional<int64>, std::optional<Timestamptz>, Text, Timestamptz, Text>(
			 "SELECT schedule, (extract(epoch FROM period) * 1000000)::bigint, moment, timezone, anchor,"
			 "       coalesce(start_window, '') FROM warden.schedule_known WHERE id = $1",
			 int64{id})) {
		const Schedule schedule{period, moment ? std::optional<Moment>(moment->value) : std::nullopt};
		const Timetable timetable = make_timetable(std::string(text), schedule, anchor.value,
		                                           server_zone(std::string(zone)), std::string(window));
		const auto next = timetable.next(now);
		spi.execute(
			"INSERT INTO warden.schedule_states AS s (job, database, anchor, next_run) VALUES ($1, $2, $3, $4)"
			" ON CONFLICT (job) DO UPDATE SET database = excluded.database, anchor = excluded.anchor,"
			"     next_run = excluded.next_run, parked = NULL, consecutive_crashes = 0, version = s.version + 1",
			int64{id}, MyDatabaseId, Timestamptz{anchor.value},
			next ? std::optional(Timestamptz{*next}) : std::nullopt);
		return;
	}
}

void say_if_not_preloaded() {
	if (!has_board()) {
		report(NOTICE, Error(ERRCODE_SUCCESSFUL_COMPLETION, "no job is started at present")
		                   .with_detail("pg_warden is not loaded by shared_preload_libraries.")
		                   .with_hint("Add it there and restart the server."));
	}
}

constexpr const char *how_to_preload = "Add pg_warden to shared_preload_libraries and restart the server.";

// Has the process of a run interrupted by the launcher.  Returns whether there is one.
bool interrupt(std::int64_t job) {
	return with_board([job](Board &board) {
		bool found = false;
		for (Run &run : board.runs) {
			const bool at_it =
				run.phase == Phase::Queued || run.phase == Phase::Starting || run.phase == Phase::Running;
			if (at_it && run.database == MyDatabaseId && run.job == job) {
				run.outcome.interruption = Interruption::Canceled;
				found = true;
			}
		}
		if (found && board.launcher != nullptr) {
			SetLatch(board.launcher);
		}
		return found;
	});
}

} // namespace

/// schedule_remove(name text) returns void
PG_FUNCTION(schedule_remove) {
	const auto name = argument<std::string_view>(fcinfo, 0);
	const Oid caller = call(GetUserId);
	{
		const AsExtension as;
		Spi spi;
		const Named job = lock_named(spi, name, caller);
		if (job.id == builtin_job) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the built-in job cannot be removed")
				.with_hint("Use schedule_pause('maintain').");
		}
		cancel_waiting(spi, job, "the job was removed");
		spi.execute("DELETE FROM warden.schedule_states WHERE job = $1", int64{job.id});
		spi.execute("DELETE FROM warden.schedule_definitions WHERE id = $1", int64{job.id});
	}
	note_at_commit();
	say_if_not_preloaded();
	PG_RETURN_VOID();
}

/// schedule_pause(name text) returns void
PG_FUNCTION(schedule_pause) {
	const auto name = argument<std::string_view>(fcinfo, 0);
	const Oid caller = call(GetUserId);
	{
		const AsExtension as;
		Spi spi;
		const Named job = lock_named(spi, name, caller);
		define(spi, job);
		spi.execute("UPDATE warden.schedule_definitions SET paused = true WHERE id = $1 AND NOT paused", int64{job.id});
		cancel_waiting(spi, job, "the job was paused");
	}
	note_at_commit();
	say_if_not_preloaded();
	PG_RETURN_VOID();
}

/// schedule_resume(name text) returns void
PG_FUNCTION(schedule_resume) {
	const auto name = argument<std::string_view>(fcinfo, 0);
	const Oid caller = call(GetUserId);
	{
		const AsExtension as;
		Spi spi;
		const Named job = lock_named(spi, name, caller);
		spi.execute("UPDATE warden.schedule_definitions SET paused = false WHERE id = $1 AND paused", int64{job.id});
		set_next(spi, job.id);
	}
	note_at_commit();
	say_if_not_preloaded();
	PG_RETURN_VOID();
}

/// schedule_resume_restored() returns bigint
PG_FUNCTION(schedule_resume_restored) {
	call(PreventCommandDuringRecovery, "schedule_resume_restored()"); // also if there is nothing to do
	const Oid caller = call(GetUserId);
	std::int64_t count = 0;
	{
		const AsExtension as;
		Spi spi;
		for (const auto &[id, owner] : spi.query<int64, Oid>(
				 "SELECT k.id, warden.job_owner(k.command) FROM warden.schedule_known k"
				 " WHERE NOT EXISTS (SELECT FROM warden.schedule_states s WHERE s.job = k.id AND s.database = $1)",
				 MyDatabaseId)) {
			const Oid role = owner;
			if (call([&] { return may_act_as(caller, role); })) {
				set_next(spi, id);
				++count;
			}
		}
	}
	note_at_commit();
	say_if_not_preloaded();
	return result(fcinfo, int64{count});
}

/// schedule_run(name text) returns bigint
PG_FUNCTION(schedule_run) {
	const auto name = argument<std::string_view>(fcinfo, 0);
	const Oid caller = call(GetUserId);
	require_preloaded(how_to_preload);
	std::int64_t run = 0;
	{
		const AsExtension as;
		Spi spi;
		const Named job = lock_named(spi, name, caller);
		if (!job.confirmed) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("job \"%s\" is not active here", job.name.c_str()))
				.with_detail("It came with a dump or a copy of a database.")
				.with_hint("Use schedule_resume() first.");
		}
		if (!spi.query<int64>(
					"SELECT run FROM warden.schedule_slots WHERE job = $1 AND status IN ('waiting', 'running')",
					int64{job.id})
		         .empty()) {
			throw Error(ERRCODE_OBJECT_IN_USE, format("job \"%s\" is running or about to", job.name.c_str()))
				.with_hint("See warden.schedule_runs; schedule_cancel() ends it.");
		}
		run = std::get<0>(
			spi.query<int64>("INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status, manual)"
		                     " VALUES ($1, $2, $3, clock_timestamp(), 'waiting', true) RETURNING run",
		                     int64{job.id}, job.name, job.owner)
				.front());
	}
	note_at_commit();
	return result(fcinfo, int64{run});
}

/// schedule_cancel(name text) returns boolean
PG_FUNCTION(schedule_cancel) {
	const auto name = argument<std::string_view>(fcinfo, 0);
	const Oid caller = call(GetUserId);
	require_preloaded(how_to_preload);
	bool found = false;
	{
		const AsExtension as;
		Spi spi;
		const Named job = lock_named(spi, name, caller);
		cancel_waiting(spi, job, "the run was cancelled before it started");
		found = SPI_processed > 0;
		found = interrupt(job.id) || found;
	}
	note_at_commit();
	return result(fcinfo, found);
}

/// schedule_note() returns void
PG_FUNCTION(schedule_note) {
	note_at_commit();
	PG_RETURN_VOID();
}

/// schedule_processes() returns table (run bigint, phase text, pid integer, since timestamptz, deadline timestamptz)
PG_FUNCTION(schedule_processes) {
	static constexpr const char *phases[] = {"free", "queued", "starting", "running", "ended"};
	ResultSet<int64, std::string, std::optional<int32>, Timestamptz, std::optional<Timestamptz>> rows(fcinfo);
	if (!has_board()) {
		PG_RETURN_NULL();
	}
	const Moment offset = call(GetCurrentTimestamp) - steady_time();
	for (const Run &run : copy_runs()) {
		if (run.phase != Phase::Free && run.database == MyDatabaseId) {
			const bool running = run.phase == Phase::Running;
			rows.add(run.run, phases[static_cast<int>(run.phase)],
			         running ? std::optional<int32>(run.pid) : std::nullopt, {run.since + offset},
			         running && run.deadline < end - std::max<Moment>(offset, 0)
			             ? std::optional(Timestamptz{run.deadline + offset})
			             : std::nullopt);
		}
	}
	PG_RETURN_NULL();
}

/// schedule_preloaded() returns boolean
PG_FUNCTION(schedule_preloaded) {
	PG_RETURN_BOOL(has_board());
}

} // namespace warden::schedule
