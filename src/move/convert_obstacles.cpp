#include "move/convert_obstacles.hpp"

#include "pg/names.hpp"
#include "pg/scoped.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

struct Obstacle {
	int sqlstate;
	std::string reason; ///< a sentence without its full stop
	std::string help;   ///< a sentence
};

// $1 the table, $2 the key.  What is around the table and what is on it: a sentence, what would help, and whether that
// is something to do first (else it cannot be).
constinit Statement select_surroundings{R"(
SELECT format('it is inherited by %s', string_agg(inhrelid::regclass::text, ', ' ORDER BY inhrelid::regclass::text)),
       'Use ALTER TABLE ... NO INHERIT first.', true
FROM pg_inherits WHERE inhparent = $1 HAVING count(*) > 0
UNION ALL
SELECT format('it inherits from %s', string_agg(inhparent::regclass::text, ', ' ORDER BY inhparent::regclass::text)),
       'Use ALTER TABLE ... NO INHERIT first.', true
FROM pg_inherits WHERE inhrelid = $1 HAVING count(*) > 0
UNION ALL
SELECT format('it belongs to extension %s', e.extname), 'Convert tables of your own.', false
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.classid = 'pg_class'::regclass AND d.objid = $1 AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
UNION ALL
SELECT 'it is unlogged, which a partitioned table cannot be', 'Use ALTER TABLE ... SET LOGGED first.', true
FROM pg_class
WHERE oid = $1 AND relpersistence = 'u' AND current_setting('server_version_num')::int >= 180000
UNION ALL
SELECT format('publication %I publishes some of its %s only, and not by the partitioned table', p.pubname,
              CASE WHEN r.prqual IS NOT NULL THEN 'rows' ELSE 'columns' END),
       format('Use ALTER PUBLICATION %I SET (publish_via_partition_root = true) first.', p.pubname), true
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
WHERE r.prrelid = $1 AND NOT p.pubviaroot AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)
UNION ALL
SELECT 'a subscription writes to it', 'Convert it after the subscription has been dropped, or take it out of the publication.',
       true
FROM pg_subscription_rel WHERE srrelid = $1
GROUP BY srrelid
UNION ALL
SELECT format('row trigger %I has a transition table', tgname),
       format('Drop trigger %I, or make it one FOR EACH STATEMENT.', tgname), true
FROM pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal AND tgtype & 1 = 1 AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL))"};

constinit Statement select_constraints{R"(
SELECT format('constraint %I is NO INHERIT', conname),
       format('Drop constraint %I and add it without NO INHERIT.', conname), true
FROM pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'n') AND connoinherit
UNION ALL
SELECT format('constraint %I is not valid', conname), format('Use ALTER TABLE ... VALIDATE CONSTRAINT %I first.', conname), true
FROM pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'f', 'n') AND NOT convalidated
UNION ALL
SELECT format('index %s is not valid', indexrelid::regclass), 'Use DROP INDEX or REINDEX INDEX CONCURRENTLY first.', true
FROM pg_index WHERE indrelid = $1 AND NOT (indisvalid AND indisready AND indislive)
UNION ALL
SELECT format('%s %I cannot be one of a partitioned table',
              CASE WHEN n.contype = 'x' THEN 'exclusion constraint' ELSE 'constraint WITHOUT OVERLAPS' END, n.conname),
       'Drop the constraint.', false
FROM pg_index i JOIN pg_constraint n ON n.conindid = i.indexrelid AND n.conrelid = i.indrelid AND n.contype IN ('x', 'p', 'u')
WHERE i.indrelid = $1 AND i.indisexclusion
UNION ALL
SELECT format('unique index %s does not use the default operator class of column %I', i.indexrelid::regclass, $2),
       'Drop the index, or create it with the default operator class and the collation of the column.', false
FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attname = $2
WHERE i.indrelid = $1 AND i.indisunique AND NOT i.indisexclusion
  AND EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) n JOIN pg_opclass o ON o.oid = i.indclass[n]
              WHERE i.indkey[n] = k.attnum AND (NOT o.opcdefault OR i.indcollation[n] <> k.attcollation))
UNION ALL
SELECT format('foreign key %I refers to %s, of which this server''s version makes wrong catalog entries', conname,
              CASE WHEN confrelid = conrelid THEN 'the table itself' ELSE 'a partitioned table' END),
       'Use the latest minor version of PostgreSQL, or drop the foreign key.', false
FROM pg_constraint f JOIN pg_class c ON c.oid = f.confrelid
WHERE f.conrelid = $1 AND f.contype = 'f' AND (f.confrelid = f.conrelid OR c.relkind = 'p')
  AND (SELECT n % 10000 < CASE n / 10000 WHEN 15 THEN 11 WHEN 16 THEN 7 WHEN 17 THEN 3 ELSE 0 END
       FROM current_setting('server_version_num') s, LATERAL (SELECT s::int) v (n)))"};

// $1 the table: of dropped columns whose place no type could take, and rules that would be in the way.
constinit Statement select_layout{R"(
SELECT 'a column was dropped from it whose type no other is like',
       'Have rows copied: metadata_only => false.', false
FROM pg_attribute a
WHERE a.attrelid = $1 AND a.attisdropped
  AND NOT EXISTS (SELECT FROM pg_type t
                  WHERE (t.typlen, t.typalign, t.typbyval) = (a.attlen, a.attalign, a.attbyval) AND t.typtype = 'b'
                    AND t.typisdefined AND t.typnamespace = 'pg_catalog'::regnamespace)
LIMIT 1)"};

template <class... Args>
void add_obstacles(std::vector<Obstacle> &obstacles, Statement &statement, const Args &...args) {
	Spi spi;
	for (const auto &[reason, help, is_first] :
	     spi.query_latest<std::string_view, std::string_view, bool>(statement, args...)) {
		obstacles.push_back({is_first ? ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE : ERRCODE_FEATURE_NOT_SUPPORTED,
		                     std::string(reason), std::string(help)});
	}
}

void add_narrow(std::vector<Obstacle> &obstacles, const Request &request, const std::vector<NarrowIndex> &narrow) {
	for (const NarrowIndex &index : narrow) {
		const char *const kind = index.is_primary      ? "primary key"
		                         : index.is_constraint ? "unique constraint"
		                                               : "unique index";
		const std::string what =
			format("%s \"%s\" does not contain column \"%s\"", kind, index.name.c_str(), request.key.c_str());
		if (index.obstacle) {
			obstacles.push_back({ERRCODE_FEATURE_NOT_SUPPORTED,
			                     what + ", and cannot be widened by it: " + *index.obstacle,
			                     format("Drop the %s, or what keeps it, or use another column for \"key\".", kind)});
		} else if (request.metadata_only) {
			obstacles.push_back(
				{ERRCODE_FEATURE_NOT_SUPPORTED, what,
			     format(
					 "Replace it by one that has the column, built with CREATE UNIQUE INDEX CONCURRENTLY; or have rows "
					 "copied: metadata_only => false, widen_key => true.")});
		} else if (!request.widen_key) {
			obstacles.push_back(
				{ERRCODE_FEATURE_NOT_SUPPORTED, what,
			     format("Add widen_key => true to have the column added to it; then only (%s, %s) is unique, "
			            "and ON CONFLICT (%s) does not work any more.",
			            index.columns.c_str(), request.key.c_str(), index.columns.c_str())});
		}
	}
}

void check_kind(Oid table) {
	const OpenRelation relation(table, AccessShareLock);
	const std::string name = qualified_name(table);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is a partitioned table already", name.c_str()))
			.with_hint(
				"Have its partitions managed with warden.partition_by_time() or partition_by_number(); make it plain "
				"with CALL warden.partition_revert().");
	}
	if (relation->rd_rel->relkind != RELKIND_RELATION) {
		const char kind = relation->rd_rel->relkind;
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not a table", name.c_str()))
			.with_detail(kind == RELKIND_VIEW            ? "It is a view."
		                 : kind == RELKIND_MATVIEW       ? "It is a materialized view."
		                 : kind == RELKIND_FOREIGN_TABLE ? "It is a foreign table."
		                                                 : "Only a table has rows that can be partitioned.")
			.with_hint("Name a table.");
	}
	if (relation->rd_rel->relispartition) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("%s is a partition", name.c_str()))
			.with_hint(
				"Have new partitions of its parent partitioned with warden.partition_subdivide(), or detach it first.");
	}
}

Error error_of(Oid table, const std::vector<Obstacle> &obstacles) {
	std::string detail;
	std::string hint;
	for (const Obstacle &obstacle : obstacles) {
		std::string reason = obstacle.reason;
		reason.front() = static_cast<char>(toupper(static_cast<unsigned char>(reason.front())));
		detail += (detail.empty() ? "" : "\n") + reason + ".";
		if (hint.find(obstacle.help) == std::string::npos) {
			hint += (hint.empty() ? "" : "\n") + obstacle.help;
		}
	}
	return Error(obstacles.front().sqlstate,
	             format("cannot convert %s to a partitioned table", qualified_name(table).c_str()))
	    .with_detail(detail)
	    .with_hint(hint);
}

// $1 the table.
constinit Statement select_remarks{R"(
SELECT format('Row trigger %I runs BEFORE: if it changes the key so that a row belongs to another partition, the statement '
              'fails.', tgname)
FROM pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal AND tgtype & 3 = 3 AND tgtype & 20 <> 0
UNION ALL
SELECT format('Publication %I names partitions, not the table, in what it publishes: subscribers need the partitions, or '
              'ALTER PUBLICATION %I SET (publish_via_partition_root = true).', p.pubname, p.pubname)
FROM pg_publication p
WHERE NOT p.pubviaroot
  AND (p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = $1)
       OR EXISTS (SELECT FROM pg_publication_namespace n JOIN pg_class c ON c.relnamespace = n.pnnspid
                  WHERE n.pnpubid = p.oid AND c.oid = $1))
UNION ALL
SELECT format('The table is not CLUSTERed by index %s any more.', indexrelid::regclass)
FROM pg_index WHERE indrelid = $1 AND indisclustered)"};

} // namespace

void check_convertible(const Request &request, Oid table, const std::vector<NarrowIndex> &narrow) {
	const PinnedSettings settings;
	check_kind(table);
	check_source(table);
	check_can_create(table);
	std::vector<Obstacle> obstacles;
	add_obstacles(obstacles, select_surroundings, table);
	add_obstacles(obstacles, select_constraints, table, request.key);
	if (request.metadata_only) {
		add_obstacles(obstacles, select_layout, table);
	}
	add_narrow(obstacles, request, narrow);
	if (!obstacles.empty()) {
		throw Error(error_of(table, obstacles));
	}
}

std::vector<std::string> remarks_on(Oid table) {
	const PinnedSettings settings;
	Spi spi;
	std::vector<std::string> remarks;
	for (const auto &[remark] : spi.query_latest<std::string_view>(select_remarks, table)) {
		remarks.emplace_back(remark);
	}
	return remarks;
}

} // namespace warden::move
