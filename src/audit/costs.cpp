// costs.cpp - What the audit of each table costs, from a bounded sample of the log.
//
// The invariants: the bytes of all tables add up to the files that they are in; and what was not measured is null, or
// said to be an estimate.
#include "audit/stopwatch.hpp"

#include "partition/bounds.hpp"
#include "partition/policy.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <vector>

extern "C" {
#include "utils/timestamp.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constexpr std::int64_t most_pages = 2048; // that are read, in all
constexpr std::int64_t least_pages = 8;   // of a partition

// Not one that was dropped by hand.
constinit Statement select_logs{
	"SELECT log::oid FROM warden.audit_classes WHERE EXISTS (SELECT FROM pg_class WHERE oid = log::oid)"};

// $1 a partition: pages of rows, and bytes with TOAST, and of indexes.
constinit Statement select_sizes{R"(
SELECT pg_relation_size($1) / current_setting('block_size')::bigint, pg_table_size($1), pg_indexes_size($1))"};

// The end of the query, after the samples. $1 the begin of the period.
//
// A row is its header, 32 bytes with the map of nulls, 45 or 53 of numbers, and its values; its line pointer has 4.
constexpr const char *report_query = R"(
, measured AS MATERIALIZED (
    SELECT leaf, page, relation, operation, at >= $1 AS counts, key_number IS NOT NULL AS is_keyed, changed,
           77 + CASE WHEN key_number IS NULL THEN 0 ELSE 8 END + coalesce(key_size, 0) + coalesce(before_size, 0)
           + coalesce(after_size, 0) AS length
    FROM sample),
leaf AS (
    SELECT leaf, f.pages::float8 / count(DISTINCT page) AS scale, f.bytes / sum(length + 4)::float8 AS per_byte,
           f.index_bytes::float8 / nullif(count(*) FILTER (WHERE is_keyed), 0) AS per_key
    FROM measured JOIN file f USING (leaf) GROUP BY leaf, f.pages, f.bytes, f.index_bytes),
event AS MATERIALIZED (
    SELECT relation, operation, changed, scale, is_keyed, length,
           (length + 4) * per_byte + CASE WHEN is_keyed THEN coalesce(per_key, 0) ELSE 0 END AS bytes
    FROM measured JOIN leaf USING (leaf) WHERE counts),
total AS (
    SELECT relation, sum(scale) FILTER (WHERE operation <> 'K') AS events,
           sum(scale) FILTER (WHERE operation = 'I') AS inserts, sum(scale) FILTER (WHERE operation = 'U') AS updates,
           sum(scale) FILTER (WHERE operation IN ('D', 'T')) AS deletes, sum(bytes) AS bytes,
           sum(scale * ((54 + length - 23 + 7) / 8 * 8 + CASE WHEN is_keyed THEN 72 ELSE 0 END)) AS wal_bytes
    FROM event GROUP BY relation),
change AS MATERIALIZED (
    SELECT c.*
    FROM (SELECT relation, changed, sum(scale) AS events, sum(bytes) AS bytes FROM event
          WHERE operation = 'U' GROUP BY relation, changed) c
    JOIN warden.audit_relations r ON r.id = c.relation
    WHERE r.until IS NULL AND NOT EXISTS (
        SELECT FROM unnest(c.changed) changed (name)
        WHERE name IN (SELECT k::text FROM warden.audit_key(r.relation::oid) k)
           OR name NOT IN (SELECT attname FROM pg_attribute WHERE attrelid = r.relation::oid AND NOT attisdropped))),
noise AS (
    SELECT DISTINCT ON (s.relation) s.relation, s.changed, n.events, n.bytes
    FROM (SELECT *, row_number() OVER (PARTITION BY relation ORDER BY events DESC) AS place FROM change
          WHERE cardinality(changed) BETWEEN 1 AND 3) s
    JOIN total t USING (relation),
         LATERAL (SELECT sum(c.events) AS events, sum(c.bytes) AS bytes FROM change c
                  WHERE c.relation = s.relation AND c.changed <@ s.changed) n
    WHERE s.place <= 10 AND n.events >= t.events / 5
    ORDER BY s.relation, n.events DESC, cardinality(s.changed))
SELECT r.id, r.relation::oid, r.name, greatest($1, r.since) AS since, coalesce(t.events, 0)::bigint AS events,
       (coalesce(t.events, 0) / extract(epoch FROM clock_timestamp() - greatest($1, r.since)) * 86400)::float8 AS a_day,
       coalesce(t.inserts, 0)::bigint, coalesce(t.updates, 0)::bigint, coalesce(t.deletes, 0)::bigint,
       coalesce(t.bytes, 0)::bigint, (t.bytes / nullif(t.events, 0))::float8, (t.wal_bytes / nullif(t.events, 0))::float8,
       n.changed::name[], n.events::bigint, n.bytes::bigint,
       CASE WHEN n.changed IS NOT NULL THEN warden.audit_command(r.id, n.changed::name[]) END
FROM warden.audit_relations r LEFT JOIN total t ON t.relation = r.id LEFT JOIN noise n ON n.relation = r.id
WHERE r.until IS NULL OR t.events > 0
ORDER BY t.bytes DESC NULLS LAST, r.id)";

struct File {
	Oid table;
	std::int64_t pages;
	std::int64_t bytes;
	std::int64_t index_bytes;
};

/// The partitions that have rows of the period.
std::vector<File> find_files(Timestamptz begin) {
	std::vector<File> files;
	Spi spi;
	for (const auto &[log] : spi.query_latest<Oid>(select_logs)) {
		const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
		std::vector<Oid> tables{bounds.default_partition};
		for (std::size_t i = 0; i < bounds.oids.size(); ++i) {
			if (bounds.ranges[i].upper > begin.value) {
				tables.push_back(bounds.oids[i]);
			}
		}
		for (const Oid table : tables) {
			check_for_interrupts();
			for (const auto &[pages, bytes, index_bytes] :
			     spi.query_latest<std::optional<int64>, std::optional<int64>, std::optional<int64>>(select_sizes,
			                                                                                        table)) {
				if (pages.value_or(0) > 0) {
					files.push_back({table, pages.value_or(0), bytes.value_or(0), index_bytes.value_or(0)});
				}
			}
		}
	}
	return files;
}

/// Part of a file, or all of it.
std::string sample_of(const File &file, std::size_t number, std::int64_t pages) {
	const std::string part = pages < file.pages
	                             ? format(" TABLESAMPLE SYSTEM (%.6f) REPEATABLE (1)",
	                                      100.0 * static_cast<double>(pages) / static_cast<double>(file.pages))
	                             : "";
	return format("SELECT %zu AS leaf, (ctid::text::point)[0] AS page, relation, operation, at, key_number, ", number) +
	       "pg_column_size(key) AS key_size, pg_column_size(before) AS before_size, pg_column_size(after) AS "
	       "after_size, "
	       "CASE operation WHEN 'U' THEN ARRAY(SELECT jsonb_object_keys(after) ORDER BY 1) END AS changed FROM " +
	       qualified_name(file.table) + part;
}

struct Sample {
	std::string query;
	std::int64_t all;
	std::int64_t read;
};

Sample sample(const std::vector<File> &files) {
	Sample sample{"WITH file (leaf, pages, bytes, index_bytes) AS (VALUES (0, 1::bigint, 0::bigint, 0::bigint)", 0, 0};
	std::string union_all =
		"SELECT 0 AS leaf, 0::float8 AS page, relation, operation, at, key_number, 0 AS key_size, "
		"0 AS before_size, 0 AS after_size, NULL::text[] AS changed FROM warden.audit_log WHERE false";
	for (const File &file : files) {
		sample.all += file.pages;
	}
	for (std::size_t i = 0; i < files.size(); ++i) {
		const File &file = files[i];
		const double share = static_cast<double>(most_pages) / static_cast<double>(std::max(sample.all, most_pages));
		const auto pages = std::min(
			file.pages, std::max(least_pages, static_cast<std::int64_t>(share * static_cast<double>(file.pages))));
		sample.read += pages;
		sample.query += format(", (%zu, %ld, %ld, %ld)", i + 1, file.pages, file.bytes, file.index_bytes);
		union_all += " UNION ALL " + sample_of(file, i + 1, pages);
	}
	sample.query += "), sample AS (" + union_all + ")" + report_query;
	return sample;
}

std::string caveats_for(const Sample &sample, const Times &times) {
	std::vector<std::string> caveats;
	if (sample.read < sample.all) {
		caveats.push_back(format("events and bytes are estimates, from %ld of %ld pages", sample.read, sample.all));
	}
	if (!has_stopwatch()) {
		caveats.emplace_back("microseconds_per_event is not measured: pg_warden is not in shared_preload_libraries");
	} else if (times.calls == 0) {
		caveats.emplace_back("microseconds_per_event was not measured since the server started");
	} else {
		caveats.push_back(format("microseconds_per_event is the mean of %ld measurements", times.calls));
	}
	std::string array;
	for (const std::string &caveat : caveats) {
		array += (array.empty() ? "{\"" : ",\"") + caveat + "\"";
	}
	return array + "}";
}

Timestamptz begin_of(const partition::Span &period) {
	Spi spi;
	const auto [begin, is_past] =
		spi.query_latest<Timestamptz, bool>("SELECT clock_timestamp() - $1, $1 > interval '0'", period).front();
	if (!is_past) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"period\" must be positive")
			.with_hint("For instance: '7 days'.");
	}
	return begin;
}

using Number = std::optional<double>;
using Count = std::optional<int64>;
using Names = std::optional<Value<NAMEARRAYOID>>;
using Text = std::optional<std::string_view>;

TextArray text_array(Spi &spi, const std::string &array) {
	return std::get<0>(spi.query_latest<TextArray>("SELECT $1::text[]", array).front());
}

} // namespace

/// audit_times(relation integer) returns (calls bigint, microseconds double precision)
PG_FUNCTION(audit_times) {
	const Times times = times_of(argument<int32>(fcinfo, 0));
	return call([&] {
		TupleDesc row = nullptr;
		get_call_result_type(fcinfo, nullptr, &row);
		Datum values[] = {Int64GetDatum(times.calls), Float8GetDatum(times.microseconds)};
		bool nulls[] = {false, times.calls == 0};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
	});
}

/// audit_costs(period interval) returns table (relation, relation_name, since, events, events_per_day, inserts,
/// updates, deletes, bytes, bytes_per_event, wal_bytes_per_event, microseconds_per_event, noisy_columns, noisy_events,
/// noisy_bytes, command, caveats)
PG_FUNCTION(audit_costs) {
	ResultSet<Oid, std::string_view, Timestamptz, int64, double, int64, int64, int64, int64, Number, Number, Number,
	          Names, Count, Count, Text, TextArray>
		rows(fcinfo);
	const auto period = argument<partition::Span>(fcinfo, 0);
	const AsExtension owner;
	const Timestamptz begin = begin_of(period);
	const Sample taken = sample(find_files(begin));
	Spi spi;
	for (const auto &[id, relation, name, since, events, a_day, inserts, updates, deletes, bytes, each, wal, noisy,
	                  noisy_events, noisy_bytes, command] :
	     spi.query_latest<int32, Oid, std::string_view, Timestamptz, int64, double, int64, int64, int64, int64, Number,
	                      Number, Names, Count, Count, Text>(taken.query.c_str(), begin)) {
		const Times times = times_of(id);
		const Number microseconds = times.calls == 0 ? std::nullopt : Number(times.microseconds);
		rows.add(relation, name, since, events, a_day, inserts, updates, deletes, bytes, each, wal, microseconds, noisy,
		         noisy_events, noisy_bytes, command, text_array(spi, caveats_for(taken, times)));
	}
	PG_RETURN_NULL();
}

} // namespace warden::audit
