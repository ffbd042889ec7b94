#include "advice/usage.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <climits>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr int minutes_a_day = 24 * 60;
constinit int observation = 35 * minutes_a_day; // warden.advice_observation
constinit bool standbys = true;                 // warden.advice_standbys

// An hour after the last time, or if the clock was set back since.
constinit Statement select_due{R"(
SELECT NOT EXISTS (SELECT FROM warden.advice_servers
                   WHERE server = '' AND observed_at > clock_timestamp() - interval '1 hour'
                     AND observed_at <= clock_timestamp()))"};

constinit Statement select_usage{"SELECT warden.advice_usage()"};

// $1 what is said to be usage of this database.
constinit Statement select_credible{R"(
SELECT coalesce($1 ->> 'database' = current_database() AND jsonb_typeof($1 -> 'indexes') = 'object'
                AND pg_typeof(($1 ->> 'at')::timestamptz) = 'timestamptz'::regtype, false))"};

// Of an earlier moment than what is known it is no news, unless that is of the future.
constinit Statement select_news{R"(
SELECT NOT EXISTS (SELECT FROM warden.advice_servers
                   WHERE server = $1 AND observed_at >= ($2 ->> 'at')::timestamptz AND observed_at <= clock_timestamp()))"};

// An index that REINDEX CONCURRENTLY has put in place of another has got its counters.
constinit Statement hand_on{R"(
UPDATE warden.advice_index_use u SET index = c.oid
FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.relname = u.name AND x.indrelid = u.of_table AND x.indisvalid
  AND md5(concat_ws('|', x.indkey, x.indclass, x.indcollation, x.indoption, x.indnkeyatts, x.indexprs, x.indpred)) = u.definition
  AND u.index::oid = (SELECT max(same.index::oid) FROM warden.advice_index_use same
                      WHERE same.server = u.server AND same.of_table = u.of_table AND same.name = u.name)
  AND NOT EXISTS (SELECT FROM pg_class old WHERE old.oid = u.index)
  AND NOT EXISTS (SELECT FROM warden.advice_index_use other WHERE other.server = u.server AND other.index = c.oid))"};

constinit Statement delete_gone{R"(
DELETE FROM warden.advice_index_use u WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = u.index))"};

// $1 the server, $2 what it has counted.  What a counter says that began anew is all new.  "torn": a single one did,
// and may have counted before what nobody has seen.
constinit Statement upsert_use{R"(
WITH given AS (
    SELECT ($2 ->> 'at')::timestamptz AS at, ($2 ->> 'reset_at')::timestamptz AS reset_at, $2 ->> 'timeline' AS timeline),
counted AS (
    SELECT c.oid AS index, x.indrelid, c.relname, c.relispartition,
           md5(concat_ws('|', x.indkey, x.indclass, x.indcollation, x.indoption, x.indnkeyatts, x.indexprs, x.indpred)) AS definition,
           (e.value ->> 0)::bigint AS scans, (e.value ->> 1)::bigint AS writes
    FROM jsonb_each($2 -> 'indexes') e JOIN pg_class c ON c.oid = e.key::oid JOIN pg_index x ON x.indexrelid = c.oid
    WHERE c.relkind = 'i'),
compared AS (
    SELECT n.*, g.at, u.observed_since,
           CASE WHEN u.index IS NULL THEN 0 WHEN s.lost OR n.scans < u.scans_counter THEN n.scans
                ELSE n.scans - u.scans_counter END AS new_scans,
           CASE WHEN u.index IS NULL THEN 0 WHEN s.lost OR n.writes < u.writes_counter THEN n.writes
                ELSE n.writes - u.writes_counter END AS new_writes,
           u.index IS NOT NULL AND NOT s.lost AND n.scans < u.scans_counter
               AND g.at - s.observed_at > interval '2 hours' AS torn
    FROM counted n CROSS JOIN given g
    LEFT JOIN LATERAL (SELECT (o.reset_at, o.timeline) IS DISTINCT FROM (g.reset_at, g.timeline) AS lost, o.observed_at
                       FROM warden.advice_servers o WHERE o.server = $1) s ON true
    LEFT JOIN warden.advice_index_use u ON u.server = $1 AND u.index = n.index AND s.observed_at IS NOT NULL),
all_indexes AS (
    SELECT index, indrelid, relname, definition, scans, writes, new_scans, new_writes, at,
           CASE WHEN observed_since IS NULL OR torn THEN at ELSE observed_since END AS since
    FROM compared
    UNION ALL
    SELECT c.oid, x.indrelid, c.relname, '', 0, 0, sum(p.new_scans), sum(p.new_writes), p.at,
           CASE WHEN u.index IS NULL OR bool_or(p.torn) THEN p.at ELSE u.observed_since END
    FROM compared p CROSS JOIN LATERAL pg_partition_ancestors(p.index) a JOIN pg_class c ON c.oid = a.relid
    JOIN pg_index x ON x.indexrelid = c.oid
    LEFT JOIN warden.advice_index_use u ON u.server = $1 AND u.index = c.oid
    WHERE p.relispartition AND c.relkind = 'I'
    GROUP BY c.oid, x.indrelid, c.relname, p.at, u.index, u.observed_since)
INSERT INTO warden.advice_index_use AS u (server, index, of_table, name, definition, observed_since, scans_counter,
                                          writes_counter, scans, writes, last_used_at)
SELECT $1, index, indrelid, relname, definition, since, scans, writes, new_scans, new_writes, CASE WHEN new_scans > 0 THEN at END
FROM all_indexes
ON CONFLICT (server, index) DO UPDATE
SET of_table = excluded.of_table, name = excluded.name, definition = excluded.definition,
    scans_counter = excluded.scans_counter, writes_counter = excluded.writes_counter, scans = u.scans + excluded.scans,
    writes = u.writes + excluded.writes, observed_since = excluded.observed_since,
    last_used_at = coalesce(excluded.last_used_at, u.last_used_at)
WHERE (u.scans_counter, u.writes_counter, u.name, u.of_table)
      IS DISTINCT FROM (excluded.scans_counter, excluded.writes_counter, excluded.name, excluded.of_table)
   OR excluded.scans > 0 OR excluded.writes > 0)"};

// What nobody has seen is from the last look to the reset; to now, if it is not known when that was.
constinit Statement upsert_server{R"(
INSERT INTO warden.advice_servers AS s (server, seen_at, began_at, observed_at, reset_at, timeline)
SELECT $1, at, at, at, reset_at, timeline
FROM (SELECT ($2 ->> 'at')::timestamptz AS at, ($2 ->> 'reset_at')::timestamptz AS reset_at, $2 ->> 'timeline' AS timeline) g
ON CONFLICT (server) DO UPDATE
SET seen_at = excluded.seen_at, observed_at = excluded.observed_at, reset_at = excluded.reset_at, timeline = excluded.timeline,
    began_at = CASE
        WHEN s.began_at IS NULL OR s.observed_at > excluded.observed_at THEN excluded.observed_at
        WHEN (s.reset_at, s.timeline) IS NOT DISTINCT FROM (excluded.reset_at, excluded.timeline) THEN s.began_at
        WHEN CASE WHEN s.timeline IS NOT DISTINCT FROM excluded.timeline AND excluded.reset_at > s.observed_at
                  THEN excluded.reset_at ELSE excluded.observed_at END - s.observed_at > interval '2 hours'
        THEN excluded.observed_at
        ELSE s.began_at END)"};

constinit Statement insert_standbys{R"(
INSERT INTO warden.advice_servers AS s (server, seen_at)
SELECT standby, clock_timestamp() FROM warden.advice_standbys WHERE connected AND standby <> ''
ON CONFLICT (server) DO UPDATE SET seen_at = excluded.seen_at)"};

constinit Statement delete_use{"DELETE FROM warden.advice_index_use WHERE server = $1"};
constinit Statement delete_server{"DELETE FROM warden.advice_servers WHERE server = $1"};

bool note(Spi &spi, std::string_view server, Json usage) {
	const auto news = spi.query_latest<bool>(select_news, server, usage);
	if (!std::get<0>(news.front())) {
		return false;
	}
	spi.execute_latest(hand_on);
	spi.execute_latest(delete_gone);
	spi.execute_latest(upsert_use, server, usage);
	spi.execute_latest(upsert_server, server, usage);
	return true;
}

bool forget(Spi &spi, std::string_view server) {
	spi.execute_latest(delete_use, server);
	return spi.execute_latest(delete_server, server) > 0;
}

void observe_here() {
	const AsExtension owner;
	Spi spi;
	if (!std::get<0>(spi.query_latest<bool>(select_due).front())) {
		return;
	}
	const auto usage = spi.query_latest<Json>(select_usage);
	note(spi, "", std::get<0>(usage.front()));
	spi.execute_latest(insert_standbys);
}

} // namespace

void init_usage() {
	DefineCustomIntVariable("warden.advice_observation",
	                        "Sets how long an index must not have been used before that is said of it.",
	                        "It is observed by CALL warden.maintain().", &observation, 35 * minutes_a_day,
	                        minutes_a_day, INT_MAX / 2, PGC_USERSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomBoolVariable(
		"warden.advice_standbys", "Sets whether an index may be used on standbys that have not reported it.",
		"Off is for standbys that no query runs on.", &standbys, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

std::int32_t observation_minutes() {
	return observation;
}

bool asks_standbys() {
	return standbys;
}

void note_usage(const Procedure &procedure) {
	if (const auto error = attempt(observe_here)) {
		report(WARNING, Error(error->sqlstate, format("could not note the use of indexes: %s", error->what())));
	}
	procedure.commit();
}

/// advice_report_usage(standby, usage)
PG_FUNCTION(advice_report_usage) {
	const auto server = required_argument<std::string_view>(fcinfo, 0, "standby");
	const auto usage = argument<std::optional<Json>>(fcinfo, 1);
	if (server.empty()) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"standby\" must be the name of one")
			.with_hint("SELECT standby FROM warden.advice_standbys lists them.");
	}
	call(PreventCommandIfReadOnly, "advice_report_usage()");
	const AsExtension owner;
	Spi spi;
	if (!usage) {
		return result(fcinfo, forget(spi, server));
	}
	if (!std::get<0>(spi.query_latest<bool>(select_credible, *usage).front())) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"usage\" is not what a standby has counted in this database")
			.with_hint("Use what SELECT warden.advice_usage() gives there, in the database of this name.");
	}
	return result(fcinfo, note(spi, server, *usage));
}

} // namespace warden::advice
