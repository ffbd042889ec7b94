#include "schedule/account.hpp"

#include <algorithm>

extern "C" {
#include "common/pg_prng.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

constexpr int most_crashes = 10;
constexpr const char *too_long = "it took longer than max_runtime and was cancelled";
constexpr const char *gone_silently = "the job's process ended without an error; the server's log may tell why";

constinit Statement lock_state{"SELECT 1 FROM warden.schedule_states WHERE job = $1 FOR NO KEY UPDATE SKIP LOCKED"};
constinit Statement has_state{"SELECT 1 FROM warden.schedule_states WHERE job = $1"};

constinit Statement find_run{
	"SELECT s.job, s.name, s.status, s.attempts, s.restartable, coalesce(k.max_retries, 0),"
	"       coalesce((extract(epoch FROM k.retry_delay) * 1000000)::bigint, 0), t.next_run,"
	"       coalesce(t.consecutive_crashes, 0),"
	"       coalesce(s.manual OR NOT k.paused AND t.parked IS NULL, false) AND t.job IS NOT NULL,"
	"       coalesce(s.started < pg_postmaster_start_time(), false)"
	" FROM warden.schedule_slots s"
	" LEFT JOIN warden.schedule_known k ON k.id = s.job"
	" LEFT JOIN warden.schedule_states t ON t.job = k.id AND t.database = $2"
	" WHERE s.run = $1 AND s.status IN ('running', 'waiting')"};

constinit Statement find_running{"SELECT run, job FROM warden.schedule_slots WHERE status = 'running'"};

constinit Statement find_next_waiting{
	"SELECT run FROM warden.schedule_slots WHERE job = $1 AND status = 'waiting' LIMIT 1"};

constinit Statement end_slot{"UPDATE warden.schedule_slots SET status = $2, started = coalesce(started, "
                             "clock_timestamp()), ended = clock_timestamp(),"
                             " attempts = attempts + (status = 'waiting')::int, sqlstate = $3, message = $4, rows = $5"
                             " WHERE run = $1 AND status IN ('running', 'waiting')"};

constinit Statement end_state{
	"UPDATE warden.schedule_states t SET last_status = s.status, last_started = s.started, last_duration = s.ended - "
	"s.started,"
	" consecutive_failures = CASE s.status WHEN 'succeeded' THEN 0 WHEN 'canceled' THEN consecutive_failures"
	"                        ELSE consecutive_failures + 1 END,"
	" consecutive_crashes = CASE s.status WHEN 'crashed' THEN consecutive_crashes ELSE 0 END"
	" FROM warden.schedule_slots s WHERE s.run = $1 AND t.job = s.job AND s.started IS NOT NULL"
	" RETURNING s.name, s.status, coalesce(s.sqlstate, ''), coalesce(s.message, ''), t.consecutive_failures"};

// One that never came to its command was an attempt as well.
constinit Statement put_back{
	"UPDATE warden.schedule_slots SET status = 'waiting', not_before = $2, sqlstate = $3, message = $4,"
	" attempts = attempts + (status = 'waiting')::int WHERE run = $1"};

// As if it had not been begun.
constinit Statement put_off{
	"UPDATE warden.schedule_slots SET status = 'waiting', not_before = $2, sqlstate = $3, message = $4,"
	" attempts = greatest(attempts - 1, 0) WHERE run = $1"};

// Ended, and the job's state does not know: the process had no time to say so.
constinit Statement find_unsaid{
	"SELECT s.run, s.job FROM warden.schedule_slots s"
	" JOIN warden.schedule_states t ON t.job = s.job AND t.database = $1"
	" WHERE s.ended IS NOT NULL AND s.started IS NOT NULL AND (t.last_started IS NULL OR s.started > t.last_started)"
	" ORDER BY s.started"};

// Of a job that is not there any more nobody will start what waits.
constinit Statement cancel_orphans{
	"UPDATE warden.schedule_slots SET status = 'canceled', ended = clock_timestamp(), message = 'the job was removed'"
	" WHERE status = 'waiting' AND NOT EXISTS (SELECT FROM warden.schedule_known k WHERE k.id = job)"};

constinit Statement count_crash{
	"UPDATE warden.schedule_states SET consecutive_crashes = consecutive_crashes + 1,"
	" parked = CASE WHEN consecutive_crashes + 1 >= $2"
	"               THEN format('schedule_resume(), as its last %s runs were cut short by a crash', $2) ELSE parked END"
	" WHERE job = $1"};

struct Found {
	std::int64_t job;
	std::string name, status;
	int attempts;
	bool restartable;
	int max_retries;
	Moment retry_delay;
	std::optional<Moment> next;
	int crashes;      ///< in a row, before this one
	bool wanted;      ///< the job is there, and neither paused nor parked
	bool was_stopped; ///< the whole server has been started since, not only its processes
};

std::optional<Found> find(Spi &spi, std::int64_t run) {
	using Text = std::string_view;
	for (const auto &[job, name, status, attempts, restartable, retries, delay, next, crashes, wanted, stopped] :
	     spi.query<int64, Text, Text, int32, bool, int32, int64, std::optional<Timestamptz>, int32, bool, bool>(
			 find_run, int64{run}, MyDatabaseId)) {
		return Found{job,
		             std::string(name),
		             std::string(status),
		             attempts,
		             restartable,
		             retries,
		             delay,
		             next ? std::optional<Moment>(next->value) : std::nullopt,
		             crashes,
		             wanted,
		             stopped};
	}
	return std::nullopt;
}

double jitter() {
	return 0.87 + 0.26 * call([] { return pg_prng_double(&pg_global_prng_state); });
}

std::optional<std::string> text_of(const char *message) {
	return *message != '\0' ? std::optional<std::string>(message) : std::nullopt;
}

std::optional<std::string> sqlstate_of(const Outcome &outcome) {
	return outcome.sqlstate != 0 ? std::optional(sqlstate_text(outcome.sqlstate)) : std::nullopt;
}

// Whether the row of a job that exists is ours to change: nobody else waits with a change of theirs.
bool is_free(Spi &spi, std::int64_t job) {
	return !spi.query<int32>(lock_state, int64{job}).empty() || spi.query<int32>(has_state, int64{job}).empty();
}

// How the job stands after a run.  The first failure in a row is worth a line in the server's log; the rest is in the
// table.
void write_state(Spi &spi, std::int64_t run) {
	using Text = std::string_view;
	for (const auto &[name, status, sqlstate, message, failures] :
	     spi.query<Text, Text, Text, Text, int32>(end_state, int64{run})) {
		if (failures == 1 && status != "succeeded" && status != "canceled") {
			report(LOG, Error(ERRCODE_SUCCESSFUL_COMPLETION,
			                  format("job \"%s\" %s", std::string(name).c_str(),
			                         status == "timed_out" ? "took too long" : std::string(status).c_str()))
			                .with_detail(format("%s: %s", std::string(sqlstate).c_str(), std::string(message).c_str()))
			                .with_hint("Further failures in a row are in warden.schedule_runs only."));
		}
	}
}

const char *status_of(const Outcome &outcome) {
	if (outcome.succeeded) {
		return "succeeded";
	}
	if (outcome.interruption == Interruption::Timeout) {
		return "timed_out";
	}
	return outcome.interruption == Interruption::Canceled || outcome.sqlstate == ERRCODE_ADMIN_SHUTDOWN ? "canceled"
	                                                                                                    : "failed";
}

} // namespace

std::string sqlstate_text(int sqlstate) {
	return call([&] { return unpack_sql_state(sqlstate); });
}

void finish(Spi &spi, std::int64_t run, const char *status, const Outcome &outcome) {
	const std::optional<int64> rows =
		outcome.succeeded ? std::optional(static_cast<int64>(outcome.rows)) : std::nullopt;
	spi.execute(end_slot, int64{run}, std::string_view(status), sqlstate_of(outcome), text_of(outcome.message), rows);
}

bool update_state(Spi &spi, std::int64_t job, std::int64_t run, bool &more) {
	const bool free = is_free(spi, job);
	if (free) {
		write_state(spi, run);
	}
	more = !spi.query<int64>(find_next_waiting, int64{job}).empty();
	return free;
}

bool account_for_ended(Spi &spi, const Run &run) {
	if (!is_free(spi, run.job)) {
		return false;
	}
	const std::optional<Found> found = find(spi, run.run); // as it is now that nobody changes it
	if (!found) {
		// It was accounted for, or removed; its process may have ended before it could say so of the job.
		write_state(spi, run.run);
		return true;
	}
	Outcome outcome = run.outcome;
	if (outcome.again && found->wanted) {
		if (found->status == "running") {
			const Moment at = call(GetCurrentTimestamp) + microseconds_per_second;
			spi.execute(put_off, int64{run.run}, Timestamptz{at}, sqlstate_of(outcome), text_of(outcome.message));
			return true;
		}
		// Somebody has locked its row: it waits on the board instead.
		return steady_time() - run.since >= microseconds_per_second;
	}
	if (!outcome.succeeded && outcome.sqlstate == 0 && outcome.interruption == Interruption::None) {
		outcome.sqlstate = ERRCODE_CRASH_SHUTDOWN;
		call([&] { strlcpy(outcome.message, gone_silently, max_message); });
	}
	if (outcome.interruption == Interruption::Timeout && !outcome.succeeded) {
		call([&] { strlcpy(outcome.message, too_long, max_message); });
	}
	const std::string status = status_of(outcome);
	if (status == "failed" && found->wanted) {
		const Moment now = call(GetCurrentTimestamp);
		const int attempt = found->attempts + (found->status == "waiting" ? 1 : 0);
		if (const auto at = retry_at(now, attempt, found->max_retries, found->retry_delay, jitter(), found->next)) {
			spi.execute(put_back, int64{run.run}, Timestamptz{*at}, sqlstate_of(outcome), text_of(outcome.message));
			return true;
		}
	}
	finish(spi, run.run, status.c_str(), outcome);
	write_state(spi, run.run);
	return true;
}

namespace {

// A run that the server has cut short.
void account_for_crash(Spi &spi, std::int64_t run, const Found &found) {
	const Moment now = call(GetCurrentTimestamp);
	const std::string_view message =
		found.restartable ? "the server was stopped or crashed during the run, which was undone"
						  : "the server was stopped or crashed during the run, a part of which may have been committed";
	const std::string sqlstate = sqlstate_text(ERRCODE_CRASH_SHUTDOWN);
	auto at = found.restartable && found.was_stopped && restart_at(now, found.attempts) ? std::optional(now)
	          : found.restartable
	              ? restart_at(now, found.attempts)
	              : retry_at(now, found.attempts, found.max_retries, found.retry_delay, jitter(), found.next);
	if (found.crashes + 1 >= most_crashes || !found.wanted) {
		at = std::nullopt; // the job is parked, or paused, or gone
	}
	if (at) {
		spi.execute(put_back, int64{run}, Timestamptz{*at}, sqlstate, message);
	} else {
		spi.execute(end_slot, int64{run}, std::string_view("crashed"), sqlstate, message, std::optional<int64>());
		write_state(spi, run);
	}
	spi.execute(count_crash, int64{found.job}, int32{most_crashes});
}

} // namespace

bool account_for_interrupted(Spi &spi, const std::vector<std::int64_t> &present) {
	const auto is_present = [&](std::int64_t run) { return std::ranges::find(present, run) != present.end(); };
	bool complete = true;
	for (const auto &[run, job] : spi.query<int64, int64>(find_running)) {
		if (is_present(run)) {
			continue;
		}
		if (!is_free(spi, job)) {
			complete = false;
		} else if (const std::optional<Found> found = find(spi, run)) {
			account_for_crash(spi, run, *found);
		}
	}
	for (const auto &[run, job] : spi.query<int64, int64>(find_unsaid, MyDatabaseId)) {
		if (!is_present(run) && is_free(spi, job)) {
			write_state(spi, run);
		}
	}
	spi.execute(cancel_orphans);
	return complete;
}

bool refuse(Spi &spi, std::int64_t job, std::int64_t run, const Error &why) {
	if (!is_free(spi, job)) {
		return false;
	}
	spi.execute(end_slot, int64{run}, std::string_view("failed"), sqlstate_text(why.sqlstate), why.message,
	            std::optional<int64>());
	write_state(spi, run);
	return true;
}

} // namespace warden::schedule
