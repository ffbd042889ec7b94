#include "bloat/subjects.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// $1 a relation, or null for all: it, its partitions, their TOAST tables, and the indexes of all of them.
constinit Statement select_subjects{R"(
WITH RECURSIVE wanted (oid) AS (
    SELECT oid FROM pg_class WHERE oid = coalesce($1, oid)
    UNION
    SELECT i.inhrelid FROM wanted w JOIN pg_inherits i ON i.inhparent = w.oid
    JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relispartition),
tables (oid) AS (
    SELECT oid FROM wanted
    UNION
    SELECT reltoastrelid FROM wanted JOIN pg_class c USING (oid) WHERE reltoastrelid <> 0),
files (oid) AS (
    SELECT oid FROM tables
    UNION
    SELECT indexrelid FROM tables JOIN pg_index ON indrelid = tables.oid)
SELECT c.oid, coalesce(t.oid, h.oid, c.oid), c.relkind::text, coalesce(x.indrelid, 0::oid), c.relam, coalesce(a.amname::text, '')
FROM files JOIN pg_class c USING (oid)
LEFT JOIN pg_am a ON a.oid = c.relam
LEFT JOIN pg_index x ON x.indexrelid = c.oid
LEFT JOIN pg_class h ON h.oid = coalesce(x.indrelid, c.oid)
LEFT JOIN pg_class t ON t.reltoastrelid = h.oid AND h.relkind = 't'
WHERE c.relkind IN ('r', 'm', 't', 'i', 'f') OR (c.oid = $1 AND c.relkind NOT IN ('p', 'I'))
   OR (c.oid = $1 AND NOT EXISTS (SELECT FROM files f JOIN pg_class l USING (oid) WHERE l.relkind NOT IN ('p', 'I')))
ORDER BY coalesce(t.oid, h.oid, c.oid), h.relkind = 't', c.relkind = 'i', c.oid)"};

} // namespace

std::vector<Subject> find_subjects(std::optional<Oid> relation) {
	const AsExtension owner;
	Spi spi;
	std::vector<Subject> subjects;
	for (const auto &[oid, table, kind, index_of, method, method_name] :
	     spi.query_latest<Oid, Oid, std::string_view, Oid, Oid, std::string_view>(select_subjects, relation)) {
		subjects.push_back({oid, table, kind.front(), index_of, method, std::string(method_name)});
	}
	if (relation && subjects.empty()) {
		qualified_name(*relation); // raises the error
	}
	return subjects;
}

const char *kind_of(const Subject &subject) {
	switch (subject.kind) {
	case RELKIND_TOASTVALUE:
		return "toast";
	case RELKIND_INDEX:
	case RELKIND_PARTITIONED_INDEX:
		return "index";
	case RELKIND_SEQUENCE:
		return "sequence";
	case RELKIND_VIEW:
		return "view";
	case RELKIND_FOREIGN_TABLE:
		return "foreign table";
	case RELKIND_COMPOSITE_TYPE:
		return "type";
	default:
		return "table";
	}
}

const char *obstacle_in(const Subject &subject) {
	switch (subject.kind) {
	case RELKIND_PARTITIONED_TABLE:
	case RELKIND_PARTITIONED_INDEX:
		return "it has no partitions, and no file of its own";
	case RELKIND_SEQUENCE:
		return "a sequence has one page, of one row";
	case RELKIND_VIEW:
	case RELKIND_COMPOSITE_TYPE:
		return "it has no file";
	case RELKIND_FOREIGN_TABLE:
		return "it has no file in this database";
	default:
		return measure_of(subject) == nullptr ? "its access method is none of the server's own" : nullptr;
	}
}

Measure *measure_of(const Subject &subject) {
	switch (subject.access_method) {
	case HEAP_TABLE_AM_OID:
		return measure_heap;
	case BTREE_AM_OID:
		return measure_btree;
	case HASH_AM_OID:
		return measure_hash;
	case GIST_AM_OID:
		return measure_gist;
	case GIN_AM_OID:
		return measure_gin;
	case SPGIST_AM_OID:
		return measure_spgist;
	case BRIN_AM_OID:
		return measure_brin;
	default:
		return nullptr;
	}
}

} // namespace warden::bloat
