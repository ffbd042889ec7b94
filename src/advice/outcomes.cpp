#include "advice/outcomes.hpp"

#include "advice/existing_indexes.hpp"
#include "advice/given_advice.hpp"
#include "advice/outcome.hpp"
#include "advice/statement_times.hpp"

#include "pg/lock.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <climits>

namespace warden::advice {

using namespace pg;

namespace {

constexpr int minutes_per_day = 24 * 60;

constinit int history = 365 * minutes_per_day;
constinit int every = 60;
constinit int patience_minutes = 7 * minutes_per_day;
constinit int patience_calls = 100;

// $1 minutes.  Of advice that nobody follows no more than the latest is kept: literals of queries make ever new ones.
constinit pg::Statement delete_old{R"(
DELETE FROM warden.advice_given
WHERE coalesce(dropped_at, built_at, advised_at) < clock_timestamp() - make_interval(mins => $1)
   OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation)
   OR id IN (SELECT id FROM warden.advice_given WHERE built_at IS NULL ORDER BY advised_at DESC, id DESC OFFSET 1000))"};
constinit pg::Statement delete_measures{
	"DELETE FROM warden.advice_measures m WHERE NOT EXISTS (SELECT FROM warden.advice_given g WHERE g.id = m.advice)"};

constinit pg::Statement select_tables{
	"SELECT DISTINCT relation::oid AS oid FROM warden.advice_given WHERE dropped_at IS NULL ORDER BY oid"};

// $1 the table, $2 minutes until a measurement is due.  One of the future is of a clock that was set back since.
constinit pg::Statement select_advice{R"(
SELECT id, shape, index::oid, built_at IS NOT NULL,
       EXISTS (SELECT FROM pg_index WHERE indexrelid = g.index AND indrelid = g.relation),
       coalesce(measured_at NOT BETWEEN clock_timestamp() - make_interval(mins => $2) AND clock_timestamp(), true)
FROM warden.advice_given g WHERE relation = $1 AND dropped_at IS NULL ORDER BY id)"};

constinit pg::Statement select_indexes{R"(
SELECT indexrelid FROM pg_index WHERE indrelid = $1 AND indisvalid AND indisready AND indislive ORDER BY indexrelid)"};

// $1 the advice: for who finds the same at the same time, and whom it then has kept waiting.
constinit pg::Statement select_for_update{
	"SELECT built_at IS NOT NULL FROM warden.advice_given WHERE id = $1 AND dropped_at IS NULL FOR UPDATE"};

constinit pg::Statement update_dropped{R"(
UPDATE warden.advice_given SET dropped_at = clock_timestamp(), verdict = 'dropped', reason = $2 WHERE id = $1)"};
constinit pg::Statement update_index{"UPDATE warden.advice_given SET index = $2 WHERE id = $1"};

// $1 the advice, $2 its index: what was counted until now was before it.
constinit pg::Statement update_built{R"(
UPDATE warden.advice_given
SET index = $2, built_at = clock_timestamp(), scans = 0, seen_scans = NULL, seconds_before = seconds, writes_before = writes,
    updates_before = updates, hot_updates_before = hot_updates, seconds = 0, writes = 0, updates = 0, hot_updates = 0
WHERE id = $1)"};
constinit pg::Statement update_measures_built{R"(
UPDATE warden.advice_measures
SET calls_before = calls, ms_before = ms, squares_before = squares, calls = 0, ms = 0, squares = 0
WHERE advice = $1)"};

// $1 the advice, $2 whether what was counted since the last look is of one state: the writes to the table with all its
// partitions, and the scans of the index with all its parts.
constinit pg::Statement add_counters{R"(
WITH RECURSIVE part (oid, is_index) AS (
    SELECT relation::oid, false FROM warden.advice_given WHERE id = $1
    UNION ALL
    SELECT index::oid, true FROM warden.advice_given WHERE id = $1 AND index IS NOT NULL
    UNION ALL
    SELECT i.inhrelid, part.is_index
    FROM part JOIN pg_inherits i ON i.inhparent = part.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition),
counter AS (
    SELECT sum(pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid))
               FILTER (WHERE NOT is_index)::bigint AS writes,
           sum(pg_stat_get_tuples_updated(oid)) FILTER (WHERE NOT is_index)::bigint AS updates,
           sum(pg_stat_get_tuples_hot_updated(oid)) FILTER (WHERE NOT is_index)::bigint AS hot_updates,
           sum(pg_stat_get_numscans(oid)) FILTER (WHERE is_index)::bigint AS scans
    FROM part),
look AS (
    SELECT c.*, coalesce($2 AND c.writes >= g.seen_writes AND c.updates >= g.seen_updates
                         AND c.hot_updates >= g.seen_hot_updates, false) AS counts
    FROM counter c, warden.advice_given g WHERE g.id = $1)
UPDATE warden.advice_given g
SET scans = g.scans + CASE WHEN l.scans >= g.seen_scans THEN l.scans - g.seen_scans ELSE coalesce(l.scans, 0) END,
    seen_scans = l.scans,
    seconds = g.seconds + CASE WHEN counts THEN greatest(extract(epoch FROM clock_timestamp() - g.seen_at), 0) ELSE 0 END,
    writes = g.writes + CASE WHEN counts THEN l.writes - g.seen_writes ELSE 0 END,
    updates = g.updates + CASE WHEN counts THEN l.updates - g.seen_updates ELSE 0 END,
    hot_updates = g.hot_updates + CASE WHEN counts THEN l.hot_updates - g.seen_hot_updates ELSE 0 END,
    seen_at = clock_timestamp(), seen_writes = l.writes, seen_updates = l.updates, seen_hot_updates = l.hot_updates,
    measured_at = clock_timestamp()
FROM look l WHERE g.id = $1)"};

// $1 an index: itself, or of a partitioned one those that have files.
constinit pg::Statement select_files{R"(
WITH RECURSIVE part (oid) AS (
    SELECT $1
    UNION ALL
    SELECT i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid)
SELECT c.oid FROM part JOIN pg_class c USING (oid) WHERE c.relkind = 'i' ORDER BY c.oid)"};
constinit pg::Statement select_size{"SELECT pg_relation_size($1::regclass)"};

constinit pg::Statement select_observation{R"(
SELECT extract(epoch FROM clock_timestamp() - built_at)::float8 / 86400, scans
FROM warden.advice_given WHERE id = $1)"};
constinit pg::Statement select_measures{R"(
SELECT is_write, calls_before, ms_before, squares_before, calls, ms, squares
FROM warden.advice_measures WHERE advice = $1 ORDER BY query_id)"};
constinit pg::Statement update_verdict{R"(
UPDATE warden.advice_given
SET verdict = $2, reason = $3, saved_ms = $4, write_ms = $5, bytes = coalesce($6, bytes) WHERE id = $1)"};

struct Given {
	std::int64_t id;
	std::string shape;
	Oid index;
	bool is_built;
	bool is_there;
	bool is_due;
};

struct Existing {
	Oid index;
	std::string shape;
};

std::vector<Given> read_advice(Oid table) {
	Spi spi;
	std::vector<Given> all;
	for (const auto &[id, shape, index, is_built, is_there, is_due] :
	     spi.query_latest<int64, std::string_view, std::optional<Oid>, bool, bool, bool>(select_advice, table,
	                                                                                     int32{every})) {
		all.push_back({id, std::string(shape), index.value_or(InvalidOid), is_built, is_there, is_due});
	}
	return all;
}

std::vector<Oid> read_oids(pg::Statement &select, Oid of) {
	Spi spi;
	std::vector<Oid> oids;
	for (const auto &[oid] : spi.query_latest<Oid>(select, of)) {
		oids.push_back(oid);
	}
	return oids;
}

bool lock_existing(Oid relation) {
	return lock_if_free(relation, AccessShareLock) && owner_of(relation) != InvalidOid;
}

/// The indexes of a table; none if somebody is at work on it.  Looking at expressions is the owner's: the server
/// computes what is constant in them, and whatever that does is undone.
std::optional<std::vector<Existing>> read_existing(Oid table) {
	std::vector<Existing> all;
	bool is_complete = true;
	const auto error = try_out([&] {
		is_complete = lock_existing(table);
		for (const Oid index : is_complete ? read_oids(select_indexes, table) : std::vector<Oid>()) {
			is_complete = is_complete && lock_existing(index);
			if (is_complete) {
				const AsReadingOwner owner(owner_of(table));
				all.push_back({index, text_of(shape_of(index))});
			}
		}
	});
	if (error) {
		throw Error(*error);
	}
	return is_complete ? std::optional(std::move(all)) : std::nullopt;
}

std::optional<int64> size_of(Oid index) {
	int64 bytes = 0;
	for (const Oid file : read_oids(select_files, index)) {
		if (!lock_existing(file)) {
			return std::nullopt;
		}
		Spi spi;
		bytes += std::get<0>(spi.query_latest<int64>(select_size, file).front());
	}
	return bytes;
}

template <class... Args>
void change(pg::Statement &statement, const Args &...args) {
	Spi spi;
	spi.execute_latest(statement, args...);
}

void judge_advice(const Given &advice, bool has_times) {
	Observation observation{.is_built = advice.is_built};
	{
		Spi spi;
		for (const auto &[days, scans] :
		     spi.query_latest<std::optional<double>, int64>(select_observation, int64{advice.id})) {
			observation.days = days.value_or(0);
			observation.scans = static_cast<double>(scans);
		}
		for (const auto &[writes, calls_before, ms_before, squares_before, calls, ms, squares] :
		     spi.query_latest<bool, int64, double, double, int64, double, double>(select_measures, int64{advice.id})) {
			observation.has_times |= has_times && !writes;
			observation.statements.push_back({.writes = writes,
			                                  .before = {static_cast<double>(calls_before), ms_before, squares_before},
			                                  .after = {static_cast<double>(calls), ms, squares}});
		}
	}
	const Outcome outcome = judge(observation, {.days = static_cast<double>(patience_minutes) / minutes_per_day,
	                                            .calls = static_cast<double>(patience_calls)});
	const auto figure = [&](double value) { return outcome.is_compared ? std::optional(value) : std::nullopt; };
	change(update_verdict, int64{advice.id}, std::string_view(outcome.verdict), outcome.reason,
	       figure(outcome.saved_ms), figure(outcome.write_ms), advice.is_built ? size_of(advice.index) : std::nullopt);
}

/// Whether it is still to be looked at, and nobody else has found the same meanwhile.
bool claim(const Given &advice) {
	Spi spi;
	const auto rows = spi.change_latest<bool>(select_for_update, int64{advice.id});
	return !rows.empty() && std::get<0>(rows.front()) == advice.is_built;
}

void look(Given advice, const std::optional<std::vector<Existing>> &existing) {
	Oid found = advice.is_there ? advice.index : InvalidOid;
	if (!advice.is_there && existing) {
		for (const Existing &one : *existing) {
			found = one.shape == advice.shape ? one.index : found;
		}
	}
	const bool is_new = !advice.is_built && found != InvalidOid;
	const bool is_gone = advice.is_built && found == InvalidOid && existing;
	if ((!advice.is_due && !is_new && !is_gone && found == advice.index) || !claim(advice)) {
		return;
	}
	if (is_gone) {
		change(update_dropped, int64{advice.id}, judge({.is_dropped = true}, {}).reason);
		return;
	}
	if (advice.is_built && found != advice.index && found != InvalidOid) { // made anew by REINDEX CONCURRENTLY
		change(update_index, int64{advice.id}, found);
		advice.index = found;
	}
	if (is_new) {
		change(update_measures_built, int64{advice.id});
		change(update_built, int64{advice.id}, found);
		advice.is_built = true;
		advice.index = found;
	}
	// Somewhere between the last look and this one it was built: what was counted meanwhile is neither before nor
	// after.
	const bool has_times = measure_statements(advice.id, is_new ? Interval::Skipped : Interval::Counted);
	change(add_counters, int64{advice.id}, !is_new);
	judge_advice(advice, has_times);
}

void measure_table(Oid table) {
	const AsExtension owner;
	std::optional<std::vector<Existing>> existing;
	const std::vector<Given> all = read_advice(table);
	for (const Given &advice : all) {
		if (!advice.is_there) {
			existing = read_existing(table);
			break;
		}
	}
	for (const Given &advice : all) {
		look(advice, existing);
	}
}

std::vector<Oid> tidy_and_find_tables() {
	const AsExtension owner;
	Spi spi;
	if (spi.execute_latest(delete_old, int32{history}) > 0) {
		spi.execute_latest(delete_measures);
	}
	std::vector<Oid> tables;
	for (const auto &[table] : spi.query_latest<Oid>(select_tables)) {
		tables.push_back(table);
	}
	return tables;
}

} // namespace

void measure_outcomes(const Procedure &procedure) {
	std::vector<Oid> tables;
	if (const auto error = attempt([&] { tables = tidy_and_find_tables(); })) {
		report(WARNING, Error(error->sqlstate, format("could not look at what was advised: %s", error->what())));
	}
	procedure.commit();
	for (const Oid table : tables) {
		check_for_interrupts();
		if (const auto error = attempt([&] { measure_table(table); })) {
			report(WARNING, Error(error->sqlstate,
			                      format("could not measure what was advised for table %u: %s", table, error->what())));
		}
		procedure.commit();
	}
}

void init_outcomes() {
	DefineCustomIntVariable("warden.advice_history", "Sets how long it is remembered what was advised.",
	                        "Of indexes that were built, since then.", &history, 365 * minutes_per_day, 0, INT_MAX,
	                        PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.advice_measure_every",
	                        "Sets after what time maintenance measures again what became of advice.", nullptr, &every,
	                        60, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.advice_outcome_after",
	                        "Sets how long an index is observed before it is told whether it has helped.", nullptr,
	                        &patience_minutes, 7 * minutes_per_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr,
	                        nullptr, nullptr);
	DefineCustomIntVariable("warden.advice_outcome_calls",
	                        "Sets how often an index's queries are called before it is told whether it has helped.",
	                        nullptr, &patience_calls, 100, 0, INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

} // namespace warden::advice
