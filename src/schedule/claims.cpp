#include "schedule/claims.hpp"

#include "schedule/account.hpp"
#include "schedule/extension_lock.hpp"
#include "schedule/settings.hpp"

#include <algorithm>

namespace warden::schedule {

using namespace pg;

namespace {

constinit Statement lock_state{
	"SELECT 1 FROM warden.schedule_states WHERE job = $1 AND version = $2 FOR NO KEY UPDATE SKIP LOCKED"};
constinit Statement set_state{"UPDATE warden.schedule_states SET next_run = $2, anchor = $3 WHERE job = $1"};

constinit Statement add_slot{"INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status)"
                             " VALUES ($1, $2, $3, $4, 'waiting') ON CONFLICT (job, scheduled_for) DO NOTHING"};

// The same, unless it is in the log already, as it may be when the clock was set back.
constinit Statement add_new_slot{
	"INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status)"
	" SELECT $1, $2, $3, $4, 'waiting'"
	" WHERE NOT EXISTS (SELECT FROM warden.schedule_log WHERE job = $1 AND scheduled_for = $4)"
	" ON CONFLICT (job, scheduled_for) DO NOTHING"};

constinit Statement add_passed{
	"INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status, slots, ended, message)"
	" VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7) ON CONFLICT (job, scheduled_for) DO NOTHING"};

constinit Statement is_recorded{"SELECT 1 FROM warden.schedule_slots WHERE job = $1 AND scheduled_for = $2"
                                " UNION ALL SELECT 1 FROM warden.schedule_log WHERE job = $1 AND scheduled_for = $2"};

constinit Statement find_first_waiting{
	"SELECT DISTINCT ON (s.job) s.run, s.job, s.scheduled_for, s.not_before, warden.job_owner(k.command),"
	"       r.rolname::text, coalesce(r.rolcanlogin, false),"
	"       coalesce(has_database_privilege(r.oid, $1::oid, 'CONNECT'), false), s.manual"
	" FROM warden.schedule_slots s"
	" JOIN warden.schedule_known k ON k.id = s.job"
	" JOIN warden.schedule_states t ON t.job = s.job AND t.database = $1"
	" LEFT JOIN pg_roles r ON r.oid = warden.job_owner(k.command)"
	" WHERE s.status = 'waiting' AND (s.manual OR NOT k.paused AND t.parked IS NULL)"
	"   AND NOT EXISTS (SELECT FROM warden.schedule_slots o WHERE o.job = s.job AND o.status = 'running')"
	" ORDER BY s.job, s.scheduled_for"};

// What waits for a time of day is looked at again.
constinit Statement shift_waiting{
	"UPDATE warden.schedule_slots s SET not_before ="
	"   CASE WHEN EXISTS (SELECT FROM warden.schedule_known k WHERE k.id = s.job AND k.start_window IS NOT NULL)"
	"        THEN now()"
	"        ELSE not_before + $1 * interval '1 microsecond' END"
	" WHERE run IN ("
	"    SELECT run FROM warden.schedule_slots WHERE status = 'waiting' AND isfinite(not_before)"
	"    FOR NO KEY UPDATE SKIP LOCKED)"};

constinit Statement postpone{"UPDATE warden.schedule_slots SET not_before = $2 WHERE run IN ("
                             "    SELECT run FROM warden.schedule_slots WHERE run = $1 FOR NO KEY UPDATE SKIP LOCKED)"};

constinit Statement move{
	"WITH gone AS ("
	"    DELETE FROM warden.schedule_slots WHERE run IN ("
	"        SELECT run FROM warden.schedule_slots s WHERE status NOT IN ('waiting', 'running')"
	// What the job's state does not know yet stays, for account_for_interrupted() to find.
	"        AND NOT EXISTS (SELECT FROM warden.schedule_states t WHERE t.job = s.job AND t.database = $1"
	"                        AND s.started IS NOT NULL AND (t.last_started IS NULL OR s.started > t.last_started))"
	"        LIMIT 5000 FOR UPDATE OF s SKIP LOCKED)"
	"    RETURNING *)"
	" INSERT INTO warden.schedule_log (run, job, name, owner, scheduled_for, status, slots, attempts, started, ended,"
	"                                  sqlstate, message, rows)"
	" SELECT run, job, name, owner, scheduled_for, status, slots, attempts, started, ended, sqlstate, message, rows "
	"FROM gone"
	" ON CONFLICT DO NOTHING"};

constinit Statement forget{
	"DELETE FROM warden.schedule_log WHERE run IN ("
	"    SELECT run FROM warden.schedule_log WHERE ended < clock_timestamp() - $1 * interval '1 minute'"
	"    ORDER BY ended LIMIT 5000 FOR UPDATE SKIP LOCKED)"};

constexpr Moment soon = 1 * microseconds_per_second;
constexpr int most_tries = 10'000;

// How a job goes on after the clock was changed.
struct Course {
	std::optional<Moment> next;
	Moment anchor;
	bool known = true; ///< nobody keeps us from finding out
};

Course go_along_with_clock(Spi &spi, Job &job, Moment now, Moment clock_shift) {
	if (job.period) {
		Moment anchor = job.anchor;
		std::optional<Moment> next = job.next_run ? job.next_run : job.timetable.next(now);
		if (clock_shift != 0 && job.next_run) {
			anchor += clock_shift;
			*next += clock_shift;
		}
		if (next && *next - now > *job.period + soon) {
			// The clock was set back while nobody looked: the beat begins anew.
			anchor = now;
			next = now + *job.period;
		}
		job.timetable = job.timetable.anchored_at(anchor);
		return {next, anchor};
	}
	// Slots that were run before the clock was set back are not run again.
	std::optional<Moment> next = realign(job.timetable, job.next_run, now);
	if (next != job.next_run && !lock_log(AccessShareLock)) {
		return {job.next_run, job.anchor, false};
	}
	for (int tries = 0; next && next != job.next_run && tries < most_tries; ++tries) {
		if (spi.query<int32>(is_recorded, int64{job.id}, Timestamptz{*next}).empty()) {
			break;
		}
		next = job.timetable.next(*next);
	}
	return {next, job.anchor};
}

void add_claim(Spi &spi, Job &job, const Claim &claim, bool sees_log) {
	for (const Moment slot : claim.run) {
		job.in_hand.waiting += static_cast<int>(spi.execute(sees_log ? add_new_slot : add_slot, int64{job.id},
		                                                    std::string_view(job.name), job.owner, Timestamptz{slot}));
	}
	if (const auto &missed = claim.missed) {
		spi.execute(add_passed, int64{job.id}, std::string_view(job.name), job.owner, Timestamptz{missed->first},
		            std::string_view("missed"), int64{missed->count},
		            std::string_view("nobody could start it in time: the server or the scheduler was not running"));
	}
	if (const auto &skipped = claim.skipped) {
		spi.execute(add_passed, int64{job.id}, std::string_view(job.name), job.owner, Timestamptz{skipped->first},
		            std::string_view("skipped"), int64{skipped->count},
		            std::string_view("an earlier run of the job was under way"));
	}
}

std::optional<Error> cannot_connect(Oid owner, const std::optional<std::string_view> &name, bool login, bool connect) {
	if (!name) {
		return Error(ERRCODE_UNDEFINED_OBJECT, format("role with OID %u does not exist", owner));
	}
	const std::string role(*name);
	if (!login) {
		return Error(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
		             format("role \"%s\" is not permitted to log in", role.c_str()));
	}
	if (!connect) {
		return Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		             format("role \"%s\" is not permitted to connect to this database", role.c_str()));
	}
	return std::nullopt;
}

} // namespace

std::optional<Moment> earlier(std::optional<Moment> a, std::optional<Moment> b) {
	return a && b ? std::min(*a, *b) : a ? a : b;
}

namespace {

// Claims what is due of a job.  Returns when the next slot is, or when to look again.
std::optional<Moment> claim_of(Spi &spi, Job &job, Moment now, Moment clock_shift, bool sees_log) {
	const Course course = go_along_with_clock(spi, job, now, clock_shift);
	if (!course.known) {
		return now + soon;
	}
	Claim due;
	due.next = course.next;
	if (course.next && *course.next <= now) {
		due = claim(job.timetable, job.missed, job.overlap, job.in_hand, *course.next, now);
	}
	if (due.next != job.next_run || course.anchor != job.anchor) {
		if (spi.query<int32>(lock_state, int64{job.id}, int64{job.version}).empty()) {
			return now + soon; // somebody changes it
		}
		add_claim(spi, job, due, sees_log);
		const auto next = due.next ? std::optional(Timestamptz{*due.next}) : std::nullopt;
		spi.execute(set_state, int64{job.id}, next, Timestamptz{course.anchor});
		job.next_run = due.next;
	}
	return due.next;
}

} // namespace

std::optional<Moment> claim_slots(Spi &spi, std::vector<Job> &jobs, Moment now, Moment clock_shift) {
	// Who has locked the log does not keep jobs from running.
	const bool sees_log = lock_log(AccessShareLock);
	if (clock_shift != 0) {
		spi.execute(shift_waiting, int64{clock_shift});
	}
	std::optional<Moment> wakeup;
	for (Job &job : jobs) {
		check_for_interrupts();
		if (job.fires) {
			wakeup = earlier(wakeup, claim_of(spi, job, now, clock_shift, sees_log));
		}
	}
	return wakeup;
}

std::optional<Moment> find_waiting(Spi &spi, Oid extension, const std::vector<Job> &jobs, Moment now,
                                   std::vector<Run> &waiting) {
	std::vector<std::pair<std::int64_t, Moment>> postponed; // until their window opens
	std::optional<Moment> wakeup;
	const Moment steady = steady_time();
	for (const auto &[run, job_id, slot, not_before, owner, role, login, connect, manual] :
	     spi.query<int64, int64, Timestamptz, Timestamptz, Oid, std::optional<std::string_view>, bool, bool, bool>(
			 find_first_waiting, MyDatabaseId)) {
		const int64 id = job_id;
		const auto job = std::ranges::find_if(jobs, [id](const Job &each) { return each.id == id; });
		if (job == jobs.end()) {
			continue;
		}
		if (not_before.value > now) {
			wakeup = earlier(wakeup, not_before.value);
			continue;
		}
		if (!manual && !job->timetable.may_start(now)) {
			if (const auto opening = job->timetable.next_opening(now)) {
				postponed.emplace_back(run, *opening);
				wakeup = earlier(wakeup, opening);
			}
			continue;
		}
		if (const auto why = cannot_connect(owner, role, login, connect)) {
			const bool more = !refuse(spi, id, run, *why) || job->in_hand.waiting > 1;
			wakeup = earlier(wakeup, more ? std::optional(now + soon) : std::nullopt);
			continue;
		}
		Run entry{};
		entry.phase = Phase::Queued;
		entry.database = MyDatabaseId;
		entry.extension = extension;
		entry.owner = owner;
		entry.job = id;
		entry.run = run;
		entry.due = std::max(slot.value, not_before.value);
		entry.since = entry.queued_at = steady;
		waiting.push_back(entry);
	}
	std::ranges::sort(waiting,
	                  [](const Run &a, const Run &b) { return std::pair(a.due, a.run) < std::pair(b.due, b.run); });
	for (const auto &[run, opening] : postponed) {
		spi.execute(postpone, int64{run}, Timestamptz{opening});
	}
	return wakeup;
}

void move_to_log(Spi &spi) {
	spi.execute(move, MyDatabaseId);
	spi.execute(forget, int32{history_minutes()});
}

} // namespace warden::schedule
