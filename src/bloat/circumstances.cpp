#include "bloat/circumstances.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// $1 a relation, $2 the user's table that it belongs to, $3 whether that is a catalog.
constinit Statement select_names{R"(
SELECT format('%I.%I', n.nspname, c.relname), format('%L', format('%I.%I', n.nspname, c.relname)),
       format('%I.%I', tn.nspname, t.relname), format('%L, %L', tn.nspname, t.relname), current_database()::text,
       NOT coalesce(x.indisexclusion, false) AND NOT $3, coalesce(NOT x.indisvalid, false) AND c.relname ~ '_cc(new|old)[0-9]*$',
       (SELECT pid FROM pg_stat_progress_create_index WHERE index_relid = $1 LIMIT 1),
       c.relpersistence = 'p' AND current_setting('wal_level') <> 'minimal',
       CASE WHEN $3 OR t.relkind <> 'r' OR NOT EXISTS (SELECT FROM pg_index WHERE indrelid = $2 AND indisprimary AND indisvalid) THEN 0
            WHEN current_setting('server_version_num')::int >= 190000 AND t.relpersistence = 'p' THEN 1
            WHEN t.relpersistence <> 't' AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_repack') THEN 2
            WHEN t.relpersistence = 'p' AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_squeeze') THEN 3
            ELSE 0 END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index x ON x.indexrelid = c.oid,
     pg_class t JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE c.oid = $1 AND t.oid = $2)"};

// $1 the user's table with TOAST and indexes; $2 of them the rows that an index is built from.
constinit Statement select_sizes{R"(
SELECT coalesce(sum(c.relpages::bigint) FILTER (WHERE c.oid = $2), 0)::bigint * current_setting('block_size')::int,
       coalesce(sum(c.relpages::bigint), 0)::bigint * current_setting('block_size')::int
FROM pg_class t, LATERAL (
    SELECT unnest(ARRAY[t.oid, t.reltoastrelid])
    UNION ALL
    SELECT indexrelid FROM pg_index WHERE indrelid IN (t.oid, t.reltoastrelid)) f (oid) JOIN pg_class c USING (oid)
WHERE t.oid = $1)"};

// $1 the table whose dead rows are counted.  The formula is that of autovacuum; a TOAST table without options of its
// own has those of its table.
constinit Statement select_dead_rows{R"(
SELECT o.rows, pg_stat_get_dead_tuples($1)::double precision,
       least(o.threshold + o.scale * o.rows, nullif(o.most, -1)), o.enabled
FROM (SELECT greatest(c.reltuples, 0)::double precision AS rows,
             coalesce(max(value::double precision) FILTER (WHERE name = 'autovacuum_vacuum_threshold'),
                      current_setting('autovacuum_vacuum_threshold')::double precision) AS threshold,
             coalesce(max(value::double precision) FILTER (WHERE name = 'autovacuum_vacuum_scale_factor'),
                      current_setting('autovacuum_vacuum_scale_factor')::double precision) AS scale,
             coalesce(max(value::double precision) FILTER (WHERE name = 'autovacuum_vacuum_max_threshold'),
                      current_setting('autovacuum_vacuum_max_threshold', true)::double precision) AS most,
             coalesce(bool_and(value::boolean) FILTER (WHERE name = 'autovacuum_enabled'), true)
                 AND current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean AS enabled
      FROM pg_class c LEFT JOIN pg_class p ON p.reltoastrelid = c.oid
      LEFT JOIN LATERAL pg_options_to_table(coalesce(c.reloptions, p.reloptions)) o (name, value) ON true
      WHERE c.oid = $1 GROUP BY c.reltuples) o)"};

void add_names(Spi &spi, Facts &facts, const Subject &subject, bool is_catalog) {
	for (const auto &[name, constant, table, squeeze_arguments, database, can_be_concurrent, is_leftover, builder,
	                  writes_wal, rewriter] :
	     spi.query_latest<std::string_view, std::string_view, std::string_view, std::string_view, std::string_view,
	                      bool, bool, std::optional<int32>, bool, int32>(select_names, subject.relation, subject.table,
	                                                                     is_catalog)) {
		facts.name = name;
		facts.constant = constant;
		facts.table = table;
		facts.squeeze_arguments = squeeze_arguments;
		facts.database = database;
		facts.can_be_concurrent = can_be_concurrent;
		facts.is_leftover = is_leftover;
		facts.builder = builder;
		facts.writes_wal = writes_wal;
		facts.rewriter = static_cast<Rewriter>(rewriter);
	}
}

void add_counts(Spi &spi, Facts &facts, const Subject &subject) {
	const Oid counted = subject.index_of != InvalidOid ? subject.index_of : subject.relation;
	for (const auto &[table_bytes, family_bytes] :
	     spi.query_latest<int64, int64>(select_sizes, subject.table, counted)) {
		facts.table_bytes = table_bytes;
		facts.family_bytes = family_bytes;
	}
	for (const auto &[rows, dead, limit, enabled] :
	     spi.query_latest<double, double, double, bool>(select_dead_rows, counted)) {
		facts.rows = rows;
		facts.dead_rows = dead;
		facts.dead_rows_limit = limit;
		facts.autovacuum = enabled;
	}
}

} // namespace

std::optional<Facts> find_facts(const Subject &subject, bool is_catalog) {
	const AsExtension owner;
	Spi spi;
	Facts facts{};
	facts.is_index = subject.kind == RELKIND_INDEX;
	facts.is_btree = subject.access_method == BTREE_AM_OID;
	add_names(spi, facts, subject, is_catalog);
	add_counts(spi, facts, subject);
	return facts.name.empty() ? std::nullopt : std::optional(std::move(facts));
}

} // namespace warden::bloat
