#include "move/move_job.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <array>

extern "C" {
#include "miscadmin.h"
}

namespace warden::move {

using namespace pg;

namespace {

/// A connection as the owner of our tables.
struct OwnTables {
	const AsExtension owner;
	Spi spi;
};

constinit Statement insert_job{R"(
INSERT INTO warden.partition_move_jobs (target, target_name, kind, pid, backend_start, role, rows_total, bytes_total,
    key, every, first_bound, metadata_only, widen_key, declaration,
    max_rows_per_second, max_bytes_per_second, max_lag_bytes, max_sessions, max_partitions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (target) WHERE ended IS NULL DO NOTHING RETURNING id)"};

constinit Statement select_job{R"(
SELECT id, target, kind, phase, coalesce(log, 0::oid), coalesce(map, 0::oid), coalesce(fingerprint, ''), rows_copied,
       bytes_copied, restarts, max_rows_per_second, max_bytes_per_second, max_lag_bytes, max_sessions, key::text, every,
       first_bound, metadata_only, widen_key, declaration, coalesce(rows_total, 0), coalesce(bytes_total, 0),
       max_partitions
FROM warden.partition_move_jobs WHERE id = $1)"};

constinit Statement select_beginning{R"(
SELECT 'It was begun at ' || to_char(started, 'YYYY-MM-DD HH24:MI:SSOF') || ' by ' || quote_ident(role) || '.'
FROM warden.partition_move_jobs WHERE id = $1)"};

constinit Statement select_open{"SELECT id FROM warden.partition_move_jobs WHERE target = $1 AND ended IS NULL"};

constinit Statement update_phase{
	"UPDATE warden.partition_move_jobs SET (phase, updated) = ($2, clock_timestamp()) WHERE id = $1"};
constinit Statement update_tables{"UPDATE warden.partition_move_jobs SET (log, map) = ($2, $3) WHERE id = $1"};
constinit Statement update_fingerprint{"UPDATE warden.partition_move_jobs SET fingerprint = $2 WHERE id = $1"};
constinit Statement add_replayed{R"(
UPDATE warden.partition_move_jobs SET (changes_replayed, updated) = (changes_replayed + $2, clock_timestamp())
WHERE id = $1)"};
constinit Statement update_waiting{R"(
UPDATE warden.partition_move_jobs SET (waiting_for, updated) = ($2, clock_timestamp())
WHERE id = $1 AND waiting_for IS DISTINCT FROM $2)"};
constinit Statement update_limits{R"(
UPDATE warden.partition_move_jobs
SET (max_rows_per_second, max_bytes_per_second, max_lag_bytes, max_sessions, updated)
    = (coalesce($2, max_rows_per_second), coalesce($3, max_bytes_per_second), coalesce($4, max_lag_bytes),
       coalesce($5, max_sessions), clock_timestamp())
WHERE id = $1)"};
constinit Statement update_swap{R"(
UPDATE warden.partition_move_jobs SET (swap_tries, pause_ms, updated) = (swap_tries + 1, $2, clock_timestamp())
WHERE id = $1)"};
constinit Statement take_dated{R"(
UPDATE warden.partition_move_jobs SET is_dated = false WHERE id = $1 AND is_dated RETURNING mark::text, marked)"};

constinit Statement update_mark{R"(
UPDATE warden.partition_move_jobs SET (mark, marked, is_dated) = ($2::xid, $3, false) WHERE id = $1)"};

constinit Statement update_dated{"UPDATE warden.partition_move_jobs SET is_dated = mark IS NOT NULL WHERE id = $1"};

constinit Statement update_restart{R"(
UPDATE warden.partition_move_jobs
SET (restarts, phase, log, map, fingerprint, rows_copied, bytes_copied, changes_replayed, waiting_for, updated)
    = (restarts + 1, 'prepare', NULL, NULL, NULL, 0, 0, 0, NULL, clock_timestamp())
WHERE id = $1)"};

// The row is locked first: of two that claim at the same time one has to see what the other has done.  A cancellation
// that was begun has to be completed, by whoever goes on.
constinit Statement lock_job{R"(
SELECT state = 'running', coalesce(pid, 0), backend_start FROM warden.partition_move_jobs
WHERE id = $1 AND ended IS NULL FOR UPDATE)"};
constinit Statement update_claim{R"(
UPDATE warden.partition_move_jobs
SET (state, pid, backend_start, wanted, last_error, waiting_for, updated)
    = ('running', $2, $3, CASE wanted WHEN 'cancel' THEN wanted END, NULL, NULL, clock_timestamp())
WHERE id = $1)"};

// A process id comes again; not so with the moment at which the process was started.
constinit Statement select_process{R"(
SELECT 1 FROM warden.partition_move_jobs j, pg_stat_get_activity(j.pid) a
WHERE j.id = $1 AND j.state = 'running' AND a.pid = j.pid AND a.backend_start = j.backend_start)"};
constinit Statement find_process{"SELECT 1 FROM pg_stat_get_activity($1) WHERE pid = $1 AND backend_start = $2"};
constinit Statement select_interrupted{R"(
SELECT id FROM warden.partition_move_jobs j
WHERE state = 'running' AND NOT EXISTS (SELECT FROM pg_stat_get_activity(j.pid) a
                                        WHERE a.pid = j.pid AND a.backend_start = j.backend_start)
ORDER BY id)"};

constinit Statement select_orphaned{R"(
SELECT id FROM warden.partition_move_jobs j
WHERE ended IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = target)
  AND (state <> 'running' OR NOT EXISTS (SELECT FROM pg_stat_get_activity(j.pid) a
                                         WHERE a.pid = j.pid AND a.backend_start = j.backend_start))
ORDER BY id)"};

constinit Statement select_wanted{"SELECT coalesce(wanted, '') FROM warden.partition_move_jobs WHERE id = $1"};
constinit Statement update_wanted{"UPDATE warden.partition_move_jobs SET (wanted, updated) = ($2, clock_timestamp()) "
                                  "WHERE id = $1 AND ended IS NULL"};

constinit Statement update_left{R"(
UPDATE warden.partition_move_jobs
SET (state, last_error, ended, wanted, waiting_for, updated)
    = ($2, coalesce($3, last_error), CASE WHEN $2 IN ('done', 'canceled') THEN clock_timestamp() END, NULL, NULL,
       clock_timestamp())
WHERE id = $1 AND ended IS NULL)"};

constinit Statement update_handed_on{R"(
UPDATE warden.partition_move_jobs SET (pid, backend_start, waiting_for, updated) = (NULL, NULL, NULL, clock_timestamp())
WHERE id = $1 AND state = 'running')"};

constinit Statement delete_old{R"(
DELETE FROM warden.partition_move_jobs j
WHERE ended < clock_timestamp() - current_setting('warden.partition_history')::interval
   OR ended IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = target))"};

template <class T>
struct Word {
	T value;
	const char *name;
};

constexpr std::array kinds{Word{Kind::Drain, "drain"}, Word{Kind::Convert, "convert"}, Word{Kind::Revert, "revert"}};
constexpr std::array phases{Word{Phase::Prepare, "prepare"}, Word{Phase::Copy, "copy"}, Word{Phase::Index, "index"},
                            Word{Phase::Replay, "replay"},   Word{Phase::Wait, "wait"}, Word{Phase::Swap, "swap"},
                            Word{Phase::Finish, "finish"}};
constexpr std::array endings{Word{Ending::Paused, "paused"}, Word{Ending::Failed, "failed"}, Word{Ending::Done, "done"},
                             Word{Ending::Canceled, "canceled"}};

template <class Words, class T>
const char *find_name(const Words &words, T value) {
	return std::ranges::find(words, value, [](const auto &word) { return word.value; })->name;
}

// What is in the table was written by find_name(), and there is a CHECK.
template <class Words>
auto find_value(const Words &words, std::string_view name) {
	return std::ranges::find(words, name, [](const auto &word) { return std::string_view(word.name); })->value;
}

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

Error not_found(std::int64_t id) {
	return Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	             format("move %lld is not known any more", static_cast<long long>(id)))
	    .with_hint("Look at warden.partition_moves.");
}

std::vector<std::int64_t> ids_of(Statement &select) {
	OwnTables tables;
	std::vector<std::int64_t> ids;
	for (const auto &[id] : tables.spi.query_latest<int64>(select)) {
		ids.push_back(id);
	}
	return ids;
}

std::string role_name(Oid role) {
	return call([&] { return GetUserNameFromId(role, false); });
}

bool is_this_process(int32 pid, const std::optional<Timestamptz> &started) {
	return pid == MyProcPid && started && started->value == MyStartTimestamp;
}

} // namespace

const char *name_of(Kind kind) {
	return find_name(kinds, kind);
}

const char *noun_of(Kind kind) {
	switch (kind) {
	case Kind::Drain:
		return "drain";
	case Kind::Convert:
		return "conversion";
	case Kind::Revert:
		return "reversion";
	}
	return "move";
}

const char *name_of(Phase phase) {
	return find_name(phases, phase);
}

Job begin_job(const Wish &wish) {
	const std::string name = qualified_name(wish.target);
	const std::string role = role_name(call(GetUserId));
	const Limits &limits = wish.limits;
	std::optional<std::int64_t> id;
	{
		OwnTables tables;
		for (const auto &[made] : tables.spi.change_latest<int64>(
				 insert_job, wish.target, name, std::string_view(name_of(wish.kind)), int32{MyProcPid},
				 Timestamptz{MyStartTimestamp}, role, int64{wish.rows_total}, int64{wish.bytes_total}, wish.key,
				 wish.every, wish.first_bound, wish.metadata_only, wish.widen_key, wish.declaration,
				 limits.rows_per_second, limits.bytes_per_second, limits.lag_bytes, limits.sessions,
				 wish.max_partitions)) {
			id = made;
		}
	}
	if (!id) {
		throw moved_already(wish.target);
	}
	return read_job(*id);
}

Error moved_already(Oid target) {
	const std::string name = qualified_name(target);
	return Error(ERRCODE_OBJECT_IN_USE, "rows of table " + name + " are being moved already")
	    .with_detail("See the view warden.partition_moves.")
	    .with_hint("Use CALL warden.partition_resume(" + quoted_literal(name) + ") or CALL warden.partition_cancel(" +
	               quoted_literal(name) + ").");
}

std::optional<Job> find_job(Oid target) {
	std::optional<std::int64_t> id;
	{
		OwnTables tables;
		for (const auto &[found] : tables.spi.query_latest<int64>(select_open, target)) {
			id = found;
		}
	}
	return id ? std::optional(read_job(*id)) : std::nullopt;
}

Job read_job(std::int64_t id) {
	OwnTables tables;
	using Text = std::optional<std::string_view>;
	using Number = std::optional<int64>;
	for (const auto &[number, target, kind, phase, log, map, fingerprint, rows, bytes, restarts, rows_per_second,
	                  bytes_per_second, lag, sessions, key, every, first_bound, metadata_only, widen_key, declaration,
	                  rows_total, bytes_total, max_partitions] :
	     tables.spi.query_latest<int64, Oid, std::string_view, std::string_view, Oid, Oid, std::string_view, int64,
	                             int64, int32, Number, Number, Number, std::optional<int32>, Text, Text, Text, bool,
	                             bool, Text, int64, int64, std::optional<int32>>(select_job, int64{id})) {
		return {.id = number,
		        .wish = {.target = target,
		                 .kind = find_value(kinds, kind),
		                 .limits = {.rows_per_second = rows_per_second,
		                            .bytes_per_second = bytes_per_second,
		                            .lag_bytes = lag,
		                            .sessions = sessions},
		                 .key = own(key),
		                 .every = own(every),
		                 .first_bound = own(first_bound),
		                 .metadata_only = metadata_only,
		                 .widen_key = widen_key,
		                 .declaration = own(declaration),
		                 .max_partitions = max_partitions,
		                 .rows_total = rows_total,
		                 .bytes_total = bytes_total},
		        .phase = find_value(phases, phase),
		        .log = log,
		        .map = map,
		        .fingerprint = std::string(fingerprint),
		        .rows_copied = rows,
		        .bytes_copied = bytes,
		        .restarts = restarts};
	}
	throw not_found(id);
}

void set_phase(std::int64_t job, Phase phase) {
	OwnTables().spi.execute_latest(update_phase, int64{job}, std::string_view(name_of(phase)));
}

void set_limits(std::int64_t job, const Limits &limits) {
	OwnTables().spi.execute_latest(update_limits, int64{job}, limits.rows_per_second, limits.bytes_per_second,
	                               limits.lag_bytes, limits.sessions);
}

std::string beginning_of(std::int64_t job) {
	OwnTables tables;
	for (const auto &[text] : tables.spi.query_latest<std::string_view>(select_beginning, int64{job})) {
		return std::string(text);
	}
	throw not_found(job);
}

void set_tables(std::int64_t job, Oid log, Oid map) {
	OwnTables().spi.execute_latest(update_tables, int64{job}, log, map);
}

void set_fingerprint(std::int64_t job, const std::string &fingerprint) {
	OwnTables().spi.execute_latest(update_fingerprint, int64{job}, fingerprint);
}

void note_replayed(std::int64_t job, std::int64_t changes) {
	OwnTables().spi.execute_latest(add_replayed, int64{job}, int64{changes});
}

void hold(std::int64_t job) {
	OwnTables().spi.execute_latest(lock_job, int64{job});
}

void note_waiting(std::int64_t job, const std::optional<std::string> &what) {
	OwnTables().spi.execute_latest(update_waiting, int64{job}, what);
}

void note_swap(std::int64_t job, std::optional<double> pause_ms) {
	OwnTables().spi.execute_latest(update_swap, int64{job}, pause_ms);
}

std::optional<Mark> take_mark(std::int64_t job) {
	const auto rows = OwnTables().spi.change_latest<std::string_view, Timestamptz>(take_dated, int64{job});
	if (rows.empty()) {
		return std::nullopt;
	}
	const auto &[xid, at] = rows.front();
	return Mark{.xid = static_cast<TransactionId>(std::strtoul(std::string(xid).c_str(), nullptr, 10)), .at = at.value};
}

void set_mark(std::int64_t job, const Mark &mark) {
	OwnTables().spi.execute_latest(update_mark, int64{job}, format("%u", mark.xid), Timestamptz{mark.at});
}

void keep_mark(std::int64_t job) {
	OwnTables().spi.execute_latest(update_dated, int64{job});
}

void note_restart(std::int64_t job) {
	OwnTables().spi.execute_latest(update_restart, int64{job});
}

void claim(std::int64_t job) {
	bool runs = false;
	int32 pid = 0;
	{
		OwnTables tables;
		const auto rows = tables.spi.change_latest<bool, int32, std::optional<Timestamptz>>(lock_job, int64{job});
		if (rows.empty()) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("move %lld has ended", static_cast<long long>(job)));
		}
		const auto &[is_running, owner, started] = rows.front();
		runs = is_running && !is_this_process(owner, started) &&
		       !tables.spi.query_latest<int32>(select_process, int64{job}).empty();
		pid = owner;
	}
	if (runs) {
		throw Error(ERRCODE_OBJECT_IN_USE, format("process %d is working on it", pid))
			.with_hint("Look at warden.partition_moves; partition_pause() makes it stop after its next batch.");
	}
	OwnTables().spi.execute_latest(update_claim, int64{job}, int32{MyProcPid}, Timestamptz{MyStartTimestamp});
}

bool is_worked_on(std::int64_t job) {
	OwnTables tables;
	return !tables.spi.query_latest<int32>(select_process, int64{job}).empty();
}

bool is_process(int pid, std::int64_t started) {
	OwnTables tables;
	return !tables.spi.query_latest<int32>(find_process, int32{pid}, Timestamptz{started}).empty();
}

Wanted wanted(std::int64_t job) {
	OwnTables tables;
	for (const auto &[what] : tables.spi.query_latest<std::string_view>(select_wanted, int64{job})) {
		return what == "pause" ? Wanted::Pause : what == "cancel" ? Wanted::Cancel : Wanted::Nothing;
	}
	throw not_found(job);
}

void want(std::int64_t job, Wanted what) {
	const std::optional<std::string_view> word =
		what == Wanted::Nothing ? std::nullopt
								: std::optional<std::string_view>(what == Wanted::Pause ? "pause" : "cancel");
	OwnTables().spi.execute_latest(update_wanted, int64{job}, word);
}

void leave(std::int64_t job, Ending ending, const std::optional<Error> &error) {
	std::optional<std::string> text;
	if (error) {
		text = std::string(call([&] { return unpack_sql_state(error->sqlstate); })) + ": " + error->message;
	}
	OwnTables().spi.execute_latest(update_left, int64{job}, std::string_view(find_name(endings, ending)), text);
}

std::vector<std::int64_t> interrupted_jobs() {
	return ids_of(select_interrupted);
}

std::vector<std::int64_t> orphaned_jobs() {
	return ids_of(select_orphaned);
}

void hand_on(std::int64_t job) {
	OwnTables().spi.execute_latest(update_handed_on, int64{job});
}

void delete_old_jobs() {
	OwnTables().spi.execute_latest(delete_old);
}

} // namespace warden::move
