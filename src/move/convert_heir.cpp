// convert_heir.cpp - A table that has each column at the very place where another has it, so that the other's storage
// can be its own.
#include "move/convert_parts.hpp"

#include "pg/names.hpp"
#include "pg/spi.hpp"

namespace warden::move {

using namespace pg;
using partition::Blueprint;
using partition::Draft;

namespace {

// $1 the table.  Its columns, as CREATE TABLE has them, in order.  Where one was dropped, a column of a type of the
// same form is to be dropped, under a name that none of the others has.
constinit Statement select_columns{R"(
SELECT CASE WHEN a.attisdropped THEN format('%I ', gap.name) || (
            SELECT format('%I.%I', 'pg_catalog', t.typname)
            FROM pg_type t
            WHERE (t.typlen, t.typalign, t.typbyval) = (a.attlen, a.attalign, a.attbyval) AND t.typtype = 'b'
              AND t.typisdefined AND t.typnamespace = 'pg_catalog'::regnamespace
            ORDER BY t.typcategory IN ('S', 'N', 'D') DESC, t.oid LIMIT 1)
       ELSE concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                   CASE WHEN a.attcollation <> t.typcollation
                        THEN (SELECT format(' COLLATE %I.%I', n.nspname, l.collname)
                              FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
                              WHERE l.oid = a.attcollation) END,
                   CASE WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') '
                                                       || CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END
                        WHEN d.oid IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END,
                   CASE WHEN a.attnotnull THEN concat(' CONSTRAINT ' || quote_ident(c.conname), ' NOT NULL') END)
       END,
       CASE WHEN a.attisdropped THEN quote_ident(gap.name) END
FROM pg_attribute a
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint c ON c.conrelid = a.attrelid AND c.contype = 'n' AND c.conkey = ARRAY[a.attnum]
LEFT JOIN LATERAL (SELECT 'warden_gap_' || a.attnum || repeat('_', n) AS name
                   FROM generate_series(0, 40) n
                   WHERE NOT EXISTS (SELECT FROM pg_attribute other
                                     WHERE other.attrelid = a.attrelid AND other.attname = 'warden_gap_' || a.attnum || repeat('_', n))
                   ORDER BY n LIMIT 1) gap ON true
WHERE a.attrelid = $1 AND a.attnum > 0
ORDER BY a.attnum)"};

constinit Statement select_checks{R"(
SELECT format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND conname <> 'warden_move_bound'
ORDER BY conname)"};

// What LIKE would copy: of columns storage, compression, comments; and statistics.
constinit Statement select_copied{R"(
SELECT before, after FROM warden.partition_copied_properties($1, $1, NULL)
WHERE step IN (10, 11, 12) AND after <> ''
ORDER BY step, property, after)"};

} // namespace

Draft draft_heir(const Blueprint &blueprint, Oid table, const partition::Placement &placement) {
	Draft draft = draft_partition(blueprint, placement);
	draft.build.clear();
	std::string columns;
	std::string gaps;
	Spi spi;
	for (const auto &[column, gap] :
	     spi.query_latest<std::string_view, std::optional<std::string_view>>(select_columns, table)) {
		columns += (columns.empty() ? "" : ", ") + std::string(column);
		if (gap) {
			gaps += (gaps.empty() ? " DROP COLUMN " : ", DROP COLUMN ") + std::string(*gap);
		}
	}
	for (const auto &[check] : spi.query_latest<std::string_view>(select_checks, table)) {
		columns += ", " + std::string(check);
	}
	draft.build.push_back("CREATE " + blueprint.persistence + "TABLE " + draft.qualified_name + " (" + columns + ")" +
	                      blueprint.storage);
	if (!gaps.empty()) {
		draft.build.push_back("ALTER TABLE " + draft.qualified_name + gaps);
	}
	for (const auto &[before, after] : spi.query_latest<std::string_view, std::string_view>(select_copied, table)) {
		draft.build.push_back(std::string(before) + draft.qualified_name + std::string(after));
	}
	for (const auto &[before, after] : blueprint.properties) {
		draft.build.push_back(before + draft.qualified_name + after);
	}
	return draft;
}

} // namespace warden::move
