#include "bloat/snapshots.hpp"

#include "bloat/bloat_settings.hpp"
#include "bloat/repair_settings.hpp"
#include "bloat/turns.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "utils/timestamp.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// Tables with a file of $2 bytes, or which was once as large, and of which there is no snapshot since $1 minutes.  The
// size is that of the first segment, by the file system: that locks nothing, and waits for nobody.  A snapshot of the
// future is of a clock that was set back since.
constinit Statement select_due{R"(
SELECT coalesce(t.oid, h.oid)
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
LEFT JOIN pg_index x ON x.indexrelid = c.oid
JOIN pg_class h ON h.oid = coalesce(x.indrelid, c.oid)
LEFT JOIN pg_class t ON t.reltoastrelid = h.oid AND h.relkind = 't'
CROSS JOIN LATERAL (SELECT max(measured_at) AS at FROM warden.bloat_snapshots s
                    WHERE s.relation = c.oid AND measured_at <= now() + interval '1 hour') last
WHERE c.relkind IN ('r', 'm', 't', 'i') AND c.relpersistence <> 't'
  AND a.amname IN ('heap', 'btree', 'hash', 'gist', 'gin', 'spgist', 'brin')
  AND coalesce(last.at < clock_timestamp() - make_interval(mins => $1), true)
  AND (last.at IS NOT NULL OR (pg_stat_file(pg_relation_filepath(c.oid), true)).size >= $2)
GROUP BY 1 ORDER BY min(last.at) NULLS FIRST, 1)"};

// $1 a table or an index, $2 milliseconds for all of its files, $3 bytes from which on a file is remembered, $4 a
// relation that is in any case.
constinit Statement insert_snapshots{R"(
INSERT INTO warden.bloat_snapshots (relation, of_table, name, filenode, status, method, bytes, live_bytes, overhead_bytes,
    reserve_bytes, vacuum_frees_bytes, blocked_bytes, free_bytes, rewrite_bytes, rewrite_low, rewrite_high, verdict, reason,
    rows, writes, pages_read)
SELECT m.relation::oid, m.of_table::oid, c.relname, pg_relation_filenode(m.relation), m.status, m.method, size.bytes, m.live_bytes,
       m.overhead_bytes, m.reserve_bytes, m.vacuum_frees_bytes, m.blocked_bytes, m.free_bytes, m.rewrite_bytes,
       m.bytes - m.wasted_high, m.bytes - m.wasted_low, m.verdict, m.reason, nullif(c.reltuples, -1),
       pg_stat_get_tuples_inserted(m.of_table) + pg_stat_get_tuples_updated(m.of_table)
           + pg_stat_get_tuples_deleted(m.of_table), m.pages_read
FROM (SELECT 1 + (t.reltoastrelid <> 0)::int
                 + (SELECT count(*) FROM pg_index WHERE indrelid IN (t.oid, t.reltoastrelid)) AS count
      FROM pg_class t WHERE t.oid = $1) files
CROSS JOIN LATERAL warden.bloat_measure($1, max_time =>
    make_interval(secs => greatest($2 / files.count, 1) / 1000.0)) m JOIN pg_class c ON c.oid = m.relation
CROSS JOIN LATERAL (SELECT coalesce(nullif(m.bytes, 0),
    (pg_stat_file(pg_relation_filepath(m.relation), true)).size) AS bytes) size
WHERE m.status <> 'skipped'
  AND (m.relation = $4 OR size.bytes >= $3 OR EXISTS (SELECT FROM warden.bloat_snapshots s WHERE s.relation = m.relation))
RETURNING coalesce(verdict = ANY ('{reindex,dedup_gain,vacuum_starved,pending_list,truncatable}'), false))"};

// One after the other by the index, as there are few relations in many rows.
constinit Statement select_gone{R"(
WITH RECURSIVE known (oid) AS (
    SELECT min(relation::oid) FROM warden.bloat_snapshots
    UNION ALL
    SELECT (SELECT min(relation::oid) FROM warden.bloat_snapshots WHERE relation::oid > known.oid)
    FROM known WHERE known.oid IS NOT NULL)
SELECT oid FROM known WHERE oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = known.oid))"};

constinit Statement hand_on{R"(
UPDATE warden.bloat_snapshots s SET relation = c.oid
FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid
WHERE s.relation = $1 AND c.relname = s.name
  AND x.indrelid IN (s.of_table, (SELECT reltoastrelid FROM pg_class t WHERE t.oid = s.of_table)))"};
constinit Statement delete_gone{"DELETE FROM warden.bloat_snapshots WHERE relation = $1"};
constinit Statement delete_old{
	"DELETE FROM warden.bloat_snapshots WHERE measured_at < clock_timestamp() - make_interval(mins => $1)"};

constexpr std::int64_t microseconds = 1000; // in a millisecond
constexpr std::int64_t least_share = 10;    // of the time for all: what a table gets is not less

TimestampTz now() {
	return call(GetCurrentTimestamp);
}

bool take_snapshot(Oid relation, int milliseconds, Oid in_any_case) {
	const AsExtension owner;
	Spi spi;
	// change_latest(): in a transaction that has waited for a lock, as of now.
	const auto rows = spi.change_latest<bool>(insert_snapshots, relation, int32{milliseconds},
	                                          int64{thresholds().min_size}, in_any_case);
	return std::ranges::any_of(rows, [](const auto &row) { return std::get<0>(row); });
}

std::vector<Oid> find_due() {
	const AsExtension owner;
	Spi spi;
	std::vector<Oid> due;
	for (const auto &[table] :
	     spi.query_latest<Oid>(select_due, int32{snapshot_every_minutes()}, int64{thresholds().min_size})) {
		due.push_back(table);
	}
	return due;
}

} // namespace

bool take_snapshot(Oid relation) {
	return take_snapshot(relation, std::max(snapshot_budget_ms(), 1000), relation);
}

void tidy_history() {
	const AsExtension owner;
	Spi spi;
	for (const auto &[gone] : spi.query_latest<Oid>(select_gone)) {
		spi.execute_latest(hand_on, gone);
		spi.execute_latest(delete_gone, gone);
	}
	spi.execute_latest(delete_old, int32{history_minutes()});
}

std::vector<Oid> take_snapshots(const Procedure &procedure) {
	std::vector<Oid> bloated;
	const auto turn = take_turn(Turn::Snapshots);
	if (!turn) {
		return bloated;
	}
	std::vector<Oid> due;
	if (const auto error = attempt([&] {
			tidy_history();
			if (snapshot_budget_ms() > 0) {
				due = find_due();
			}
		})) {
		report(WARNING, Error(error->sqlstate, format("could not look at the history of bloat: %s", error->what())));
	}
	procedure.commit();
	const TimestampTz until = TimestampTzPlusMilliseconds(now(), snapshot_budget_ms());
	for (const Oid table : due) {
		const TimestampTz left = until - now();
		// A moment is not enough for one that is large, which will be the first one of the next time.
		if (left < snapshot_budget_ms() * microseconds / least_share && (left <= 0 || table != due.front())) {
			break;
		}
		bool is_bloated = false;
		const int milliseconds = static_cast<int>(left / 1000) + 1;
		if (const auto error = attempt([&] { is_bloated = take_snapshot(table, milliseconds, InvalidOid); })) {
			report(WARNING, Error(error->sqlstate, format("could not measure table %u: %s", table, error->what())));
		} else if (is_bloated) {
			bloated.push_back(table);
		}
		procedure.commit();
	}
	end_turn(*turn);
	return bloated;
}

} // namespace warden::bloat
