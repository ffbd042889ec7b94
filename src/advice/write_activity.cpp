#include "advice/write_activity.hpp"

#include "pg/index_method.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_am_d.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// GIN has an entry for each key of a row.
constexpr double keys_per_row = 10;

// Counted since the last reset of this database, or else since all counters began, which is when those of the whole
// server did: they outlive a restart, but not a crash.  Any of these may have been reset since, so that the oldest of
// them tells.
constinit pg::Statement read_rates{R"(
WITH leaves AS (
    SELECT relid AS id FROM pg_partition_tree($1::oid::regclass) WHERE isleaf UNION SELECT $1::oid),
period AS (
    SELECT greatest(extract(epoch FROM now() - greatest(d.stats_reset, least(b.stats_reset, a.stats_reset, w.stats_reset))) / 86400,
                    1.0 / 24)::float8 AS days
    FROM pg_stat_database d, pg_stat_bgwriter b, pg_stat_archiver a, pg_stat_wal w WHERE d.datname = current_database())
SELECT coalesce(sum(pg_stat_get_tuples_inserted(id)) / min(days), 0)::float8,
       coalesce(sum(pg_stat_get_tuples_updated(id)) / min(days), 0)::float8,
       coalesce(sum(pg_stat_get_tuples_hot_updated(id)) / min(days), 0)::float8,
       coalesce(sum(greatest(reltuples, 0)), 0)::float8,
       (SELECT count(*)::integer FROM pg_index WHERE indrelid = $1),
       coalesce(sum(pg_relation_size(id)), 0)::float8, coalesce(sum(pg_indexes_size(id)), 0)::float8
FROM leaves JOIN pg_class ON oid = id AND relkind IN ('r', 'm'), period)"};

constinit pg::Statement read_indexed{R"(
SELECT DISTINCT a.refobjsubid::integer FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam,
     LATERAL (SELECT unnest(i.indkey::int2[])::integer UNION
              SELECT refobjsubid FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = i.indexrelid
                  AND refclassid = 'pg_class'::regclass AND refobjid = i.indrelid) a (refobjsubid)
WHERE i.indrelid = $1 AND a.refobjsubid > 0 AND m.amname <> 'brin' ORDER BY 1)"};

constinit pg::Statement read_growing{R"(
SELECT a.attnum::integer FROM pg_statistic s JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
WHERE s.starelid = $1 AND EXISTS (
    SELECT FROM (VALUES (stakind1, stanumbers1), (stakind2, stanumbers2), (stakind3, stanumbers3), (stakind4, stanumbers4),
                        (stakind5, stanumbers5)) k (kind, numbers) WHERE kind = 3 AND numbers[1] > 0.95)
ORDER BY 1)"};

std::vector<std::int16_t> read_columns(Spi &spi, pg::Statement &statement, Oid table) {
	std::vector<std::int16_t> columns;
	for (const auto &[column] : spi.query<int32>(statement, table)) {
		columns.push_back(static_cast<std::int16_t>(column));
	}
	return columns;
}

bool has(const std::vector<std::int16_t> &columns, std::int16_t column) {
	return std::ranges::find(columns, column) != columns.end();
}

/// The share of the table's updates that change a column of the index and are HOT now: of its columns the one that
/// changes most often.
double changed_share(const IndexShape &shape, const WriteActivity &activity,
                     const std::vector<ColumnChanges> &changes) {
	double all = 0; // calls of all updates of the table: each changes something, and the most common change is in most
	double most = 0;
	for (const ColumnChanges &change : changes) {
		if (change.table != shape.table) {
			continue;
		}
		if (change.column == 0) {
			all += change.calls;
		} else if (has(shape.columns, change.column) && !has(activity.indexed, change.column)) {
			most = std::max(most, change.calls);
		}
	}
	return all > 0 ? std::min(1.0, most / all) : 0;
}

} // namespace

WriteActivity read_activity(ObjectId table) {
	WriteActivity activity{.table = table};
	const AsExtension as_extension;
	Spi spi;
	for (const auto &[inserts, updates, hot, rows, indexes, bytes, index_bytes] :
	     spi.query<double, double, double, double, int32, double, double>(read_rates, Oid{table})) {
		activity.rates = {.inserts = inserts, .updates = updates, .hot_updates = hot, .rows = rows, .indexes = indexes};
		activity.bytes = bytes;
		activity.index_bytes = index_bytes;
	}
	activity.indexed = read_columns(spi, read_indexed, table);
	activity.growing = read_columns(spi, read_growing, table);
	return activity;
}

IndexUpkeep upkeep_of(const KnownIndex &index, const WriteActivity &activity,
                      const std::vector<ColumnChanges> &changes) {
	const IndexShape &shape = index.shape;
	const double rows = std::max(activity.rates.rows, 1.0);
	const bool is_summary = shape.method == BRIN_AM_OID;
	const double entries = std::max(index.size.entries, 1.0);
	return {.share = shape.predicate.empty() || is_summary ? 1 : std::min(1.0, entries / rows),
	        .entry_bytes = static_cast<double>(index.size.bytes()) / entries,
	        .bytes = static_cast<double>(index.size.bytes()),
	        .height = index.size.height,
	        .entries_per_row = shape.method == GIN_AM_OID ? keys_per_row : 1,
	        .is_appended_to = has(activity.growing, shape.keys.front().column),
	        .is_summary = is_summary,
	        .changed_share = is_summary && summaries_keep_updates_hot ? 0 : changed_share(shape, activity, changes)};
}

Prices read_prices(double milliseconds_per_cost) {
	return {.operator_cost = cpu_operator_cost,
	        .page_cost = random_page_cost,
	        .cache_bytes = static_cast<double>(effective_cache_size) * BLCKSZ,
	        .milliseconds_per_cost = milliseconds_per_cost};
}

} // namespace warden::advice
