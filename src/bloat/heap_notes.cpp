#include "bloat/heap_notes.hpp"

#include "pg/heap_truncation.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_depend.h"
#include "utils/fmgroids.h"
}

namespace warden::bloat {

namespace {

// VACUUM's rule: it is not worth the lock for less.
constexpr BlockNumber least_pages = 1000;
constexpr BlockNumber least_share = 16;

// Server code.  InvalidOid for the TOAST table of a catalog of before the first CREATE.
Oid table_of_toast(Oid toast) {
	ScanKeyData keys[2];
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(toast));
	const Relation catalog = table_open(DependRelationId, AccessShareLock);
	const SysScanDesc scan = systable_beginscan(catalog, DependDependerIndexId, true, nullptr, 2, keys);
	Oid table = InvalidOid;
	HeapTuple tuple = nullptr;
	while (!OidIsValid(table) && HeapTupleIsValid(tuple = systable_getnext(scan))) {
		const auto depend = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
		if (depend->refclassid == RelationRelationId && depend->deptype == DEPENDENCY_INTERNAL) {
			table = depend->refobjid;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return table;
}

// Server code.  The table is not locked, nor need it be: a wrong answer is one caveat more or less.
bool has_dropped_columns(Oid table) {
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	const Relation catalog = table_open(AttributeRelationId, AccessShareLock);
	const SysScanDesc scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, nullptr, 1, &key);
	bool found = false;
	HeapTuple tuple = nullptr;
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan))) {
		const auto attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
		found = attribute->attisdropped && attribute->attlen == -1;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

} // namespace

std::int64_t truncatable_bytes(Relation relation, BlockNumber blocks, BlockNumber with_rows) {
	const BlockNumber empty = blocks - with_rows;
	if (empty == 0 || (empty < least_pages && empty < blocks / least_share) || !pg::may_truncate(relation)) {
		return 0;
	}
	return static_cast<std::int64_t>(empty) * BLCKSZ;
}

void add_caveats(Relation relation, bool lacks_defaults, Measurement &measurement) {
	if (lacks_defaults) {
		measurement.grows_on_rewrite = true;
		measurement.caveats.emplace_back("a column was added with a default that older rows do not hold: a rewrite "
		                                 "writes it into each of them");
	}
	const bool is_toast = relation->rd_rel->relkind == RELKIND_TOASTVALUE;
	if (is_toast && pg::call([&] { return has_dropped_columns(table_of_toast(RelationGetRelid(relation))); })) {
		measurement.caveats.emplace_back("a column of its table was dropped: what is stored for it counts as rows "
		                                 "here, but a rewrite of the table leaves it out");
	}
}

} // namespace warden::bloat
