#include "advice/statement_times.hpp"

#include "pg/security.hpp"
#include "pg/transaction.hpp"

namespace warden::advice {

using namespace pg;

namespace {

constinit Statement find_schema{R"(
SELECT quote_ident(n.nspname)
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements')"};

// $1 the advice.  A name without a schema means the table if there is no other one of that name.
constexpr const char *insert_writers = R"(
INSERT INTO warden.advice_measures (advice, query_id, is_write)
SELECT $1, s.queryid, true
FROM (SELECT '^\s*(insert\s+into|(update|delete\s+from|merge\s+into)(\s+only)?)\s+("?'
             || regexp_replace(n.nspname, '(\W)', '\\\1', 'g') || '"?\s*\.\s*)'
             || CASE WHEN EXISTS (SELECT FROM pg_class o WHERE o.relname = c.relname AND o.oid <> c.oid
                                  AND o.relkind IN ('r', 'p', 'v', 'f')) THEN '' ELSE '?' END
             || '"?' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '("|\s|\(|\*|;|$)' AS begin
      FROM warden.advice_given g JOIN pg_class c ON c.oid = g.relation JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE g.id = $1) written
JOIN @schema@.pg_stat_statements(true) s ON s.query ~* written.begin
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND NOT EXISTS (SELECT FROM warden.advice_measures m WHERE m.advice = $1 AND m.query_id = s.queryid)
GROUP BY s.queryid ORDER BY sum(s.total_exec_time) DESC LIMIT 20)";

// $1 the advice, $2 whether the interval counts.  When all the counters of a statement are younger than the last look,
// everything in them is new; when they have gone down otherwise, nobody knows what is.
constexpr const char *add_times = R"(
WITH counter AS (
    SELECT queryid, sum(calls)::bigint AS calls, sum(total_exec_time) AS ms,
           sum(calls * (mean_exec_time ^ 2 + stddev_exec_time ^ 2)) AS squares,
           min((to_jsonb(s) ->> 'stats_since')::timestamptz) AS since
    FROM @schema@.pg_stat_statements(false) s
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY queryid),
look AS (
    SELECT m.query_id, m.is_write, coalesce(c.calls, 0) AS calls, coalesce(c.ms, 0) AS ms, coalesce(c.squares, 0) AS squares,
           m.seen_at IS NULL OR greatest(c.since, i.stats_reset) > m.seen_at AS is_new,
           c.calls >= m.seen_calls AND c.ms >= m.seen_ms AS is_more, m.seen_calls, m.seen_ms, m.seen_squares
    FROM warden.advice_measures m
    LEFT JOIN counter c ON c.queryid = m.query_id
    CROSS JOIN @schema@.pg_stat_statements_info i
    WHERE m.advice = $1)
UPDATE warden.advice_measures m
SET calls = m.calls + CASE WHEN NOT $2 THEN 0 WHEN is_new THEN l.calls WHEN is_more THEN l.calls - l.seen_calls ELSE 0 END,
    ms = m.ms + CASE WHEN NOT $2 THEN 0 WHEN is_new THEN l.ms WHEN is_more THEN l.ms - l.seen_ms ELSE 0 END,
    squares = m.squares + CASE WHEN NOT $2 THEN 0 WHEN is_new THEN l.squares
                               WHEN is_more THEN greatest(l.squares - l.seen_squares, 0) ELSE 0 END,
    seen_at = clock_timestamp(), seen_calls = l.calls, seen_ms = l.ms, seen_squares = l.squares
FROM look l
WHERE m.advice = $1 AND m.query_id = l.query_id AND m.is_write = l.is_write)";

/// Runs a statement that has the schema of pg_stat_statements in it; false if there is none, or it cannot be read.
template <class... Args>
bool run(const char *sql, const Args &...args) {
	bool is_there = false;
	const auto error = attempt([&] {
		Spi spi;
		for (const auto &[schema] : spi.query<std::string_view>(find_schema)) {
			std::string text = sql;
			constexpr std::string_view place = "@schema@";
			for (size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += schema.size()) {
				text.replace(at, place.size(), schema);
			}
			spi.execute(text.c_str(), args...);
			is_there = true;
		}
	});
	if (error && error->sqlstate != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) { // which means: not preloaded
		report(WARNING, Error(error->sqlstate, format("could not read pg_stat_statements: %s", error->what())));
	}
	return is_there && !error;
}

constinit pg::Statement select_since_built{R"(
SELECT DISTINCT ON (m.query_id) m.query_id, m.ms / m.calls
FROM warden.advice_measures m JOIN warden.advice_given g ON g.id = m.advice
WHERE g.built_at IS NOT NULL AND g.dropped_at IS NULL AND NOT m.is_write AND m.calls > 0
ORDER BY m.query_id, g.built_at DESC)"};

} // namespace

bool find_writers(std::int64_t advice) {
	return run(insert_writers, int64{advice});
}

bool measure_statements(std::int64_t advice, Interval interval) {
	return run(add_times, int64{advice}, interval == Interval::Counted);
}

std::vector<TimeSince> times_since_built() {
	const AsExtension owner;
	Spi spi;
	std::vector<TimeSince> times;
	for (const auto &[query, mean] : spi.query<int64, double>(select_since_built)) {
		times.push_back({.query = query, .mean_ms = mean});
	}
	return times;
}

} // namespace warden::advice
