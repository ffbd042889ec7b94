#include "bloat/heap_notes.hpp"

#include "pg/heap_truncation.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
}

namespace warden::bloat {

namespace {

// VACUUM's rule: it is not worth the lock for less.
constexpr BlockNumber least_pages = 1000;
constexpr BlockNumber least_share = 16;

// Server code.
Oid toast_of(Oid table) {
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	if (!HeapTupleIsValid(tuple)) {
		return InvalidOid;
	}
	const Oid toast = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltoastrelid;
	ReleaseSysCache(tuple);
	return toast;
}

} // namespace

Oid table_of_toast(Relation toast) {
	// Its name says so, if nobody has renamed it.
	const Oid named = static_cast<Oid>(strtoul(RelationGetRelationName(toast) + strlen("pg_toast_"), nullptr, 10));
	if (toast_of(named) == RelationGetRelid(toast)) {
		return named;
	}
	const Relation catalog = table_open(RelationRelationId, AccessShareLock);
	const SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
	Oid table = InvalidOid;
	HeapTuple tuple = nullptr;
	while (!OidIsValid(table) && HeapTupleIsValid(tuple = systable_getnext(scan))) {
		const auto entry = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
		if (entry->reltoastrelid == RelationGetRelid(toast)) {
			table = entry->oid;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return table;
}

TableOfToast open_table_of_toast(Relation toast) {
	const Oid oid = table_of_toast(toast);
	if (!OidIsValid(oid)) {
		return {.table = nullptr, .obstacle = "it belongs to no table"};
	}
	if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
		return {.table = nullptr, .obstacle = "another session has locked its table"};
	}
	const Relation table = try_relation_open(oid, NoLock);
	if (table == nullptr || table->rd_rel->reltoastrelid != RelationGetRelid(toast)) {
		if (table != nullptr) {
			relation_close(table, NoLock);
		}
		UnlockRelationOid(oid, AccessShareLock);
		return {.table = nullptr, .obstacle = "its table was rewritten meanwhile"};
	}
	return {.table = table, .obstacle = nullptr};
}

std::int64_t truncatable_bytes(Relation relation, BlockNumber blocks, BlockNumber with_rows) {
	const BlockNumber empty = blocks - with_rows;
	if (empty == 0 || (empty < least_pages && empty < blocks / least_share) || !pg::may_truncate(relation)) {
		return 0;
	}
	return static_cast<std::int64_t>(empty) * BLCKSZ;
}

void add_caveats(bool lacks_defaults, Measurement &measurement) {
	if (lacks_defaults) {
		measurement.grows_on_rewrite = true;
		measurement.caveats.emplace_back("a column was added with a default that older rows do not hold: a rewrite "
		                                 "writes it into each of them");
	}
}

} // namespace warden::bloat
