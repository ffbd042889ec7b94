#include "advice/operator_classes.hpp"

#include <cstring>
#include <initializer_list>

extern "C" {
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily_d.h"
#include "commands/defrem.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

namespace {

bool is_better(Form_pg_opclass one, Form_pg_opclass other) {
	// Of jsonb's two the smaller index, where it serves.
	const bool is_path = strcmp(NameStr(one->opcname), "jsonb_path_ops") == 0;
	return other == nullptr || is_path || (one->opcdefault && strcmp(NameStr(other->opcname), "jsonb_path_ops") != 0);
}

/// A class of the method with that family, which takes values of that type.
Form_pg_opclass find_class(CatCList *classes, Oid family, Oid type, Form_pg_opclass best) {
	for (int i = 0; i < classes->n_members; ++i) {
		const auto candidate = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(&classes->members[i]->tuple));
		if (candidate->opcfamily == family && IsBinaryCoercible(type, candidate->opcintype) &&
		    is_better(candidate, best)) {
			best = candidate;
		}
	}
	return best;
}

/// The best class of a method that serves an operator for that purpose.
Oid class_of(Oid method, Oid op, Oid type, char purpose) {
	CatCList *const uses = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(op));
	CatCList *const classes = SearchSysCacheList1(CLAAMNAMENSP, ObjectIdGetDatum(method));
	Form_pg_opclass best = nullptr;
	for (int i = 0; i < uses->n_members; ++i) {
		const auto *const use = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&uses->members[i]->tuple));
		if (use->amopmethod == method && use->amoppurpose == purpose) {
			best = find_class(classes, use->amopfamily, type, best);
		}
	}
	const Oid found = best != nullptr ? best->oid : InvalidOid;
	ReleaseCatCacheList(classes);
	ReleaseCatCacheList(uses);
	return found;
}

/// What a locale's provider is to make of texts, if it is the C library: whether that is nothing.
bool is_c_locale(HeapTuple tuple, int cache, AttrNumber column) {
	bool is_null = false;
	const Datum locale = SysCacheGetAttr(cache, tuple, column, &is_null);
	if (is_null) {
		return false;
	}
	const char *const name = TextDatumGetCString(locale);
	return strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
}

constexpr char builtin_provider = 'b'; // since PostgreSQL 17: byte by byte, whatever the locale

bool is_database_bytewise() {
	const HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const char provider = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datlocprovider;
	const bool result = provider == builtin_provider ||
	                    (provider == COLLPROVIDER_LIBC && is_c_locale(tuple, DATABASEOID, Anum_pg_database_datcollate));
	ReleaseSysCache(tuple);
	return result;
}

} // namespace

BtreeClass btree_class(Oid op, Oid type) {
	const Oid usual = GetDefaultOpClass(type, BTREE_AM_OID);
	if (OidIsValid(usual)) {
		if (const int strategy = get_op_opfamily_strategy(op, get_opclass_family(usual)); strategy != InvalidStrategy) {
			return {usual, strategy};
		}
	}
	for (const Oid family : {Oid{TEXT_PATTERN_BTREE_FAM_OID}, Oid{BPCHAR_PATTERN_BTREE_FAM_OID}}) {
		if (const int strategy = get_op_opfamily_strategy(op, family); strategy != InvalidStrategy) {
			const Oid pattern = pattern_class(type);
			const bool fits = OidIsValid(pattern) && get_opclass_family(pattern) == family;
			return {fits ? pattern : InvalidOid, strategy};
		}
	}
	return {};
}

SearchClass search_class(Oid op, Oid type) {
	for (const Oid method : {Oid{GIN_AM_OID}, Oid{GIST_AM_OID}, Oid{SPGIST_AM_OID}}) {
		if (const Oid opclass = class_of(method, op, type, AMOP_SEARCH); OidIsValid(opclass)) {
			return {method, opclass};
		}
	}
	return {};
}

SearchClass distance_class(Oid op, Oid type) {
	const Oid opclass = class_of(GIST_AM_OID, op, type, AMOP_ORDER);
	return {OidIsValid(opclass) ? Oid{GIST_AM_OID} : InvalidOid, opclass};
}

Oid pattern_class(Oid type) {
	switch (getBaseType(type)) {
	case TEXTOID:
		return TEXT_BTREE_PATTERN_OPS_OID;
	case VARCHAROID:
		return VARCHAR_BTREE_PATTERN_OPS_OID;
	case BPCHAROID:
		return BPCHAR_BTREE_PATTERN_OPS_OID;
	default:
		return InvalidOid;
	}
}

Oid method_of(Oid opclass) {
	const HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	if (!HeapTupleIsValid(tuple)) {
		return InvalidOid;
	}
	const Oid method = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple))->opcmethod;
	ReleaseSysCache(tuple);
	return method;
}

bool is_bytewise(Oid collation) {
	if (collation == DEFAULT_COLLATION_OID) {
		return is_database_bytewise();
	}
	const HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	if (!HeapTupleIsValid(tuple)) {
		return true; // bytea
	}
	const char provider = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple))->collprovider;
	const bool result = provider == builtin_provider ||
	                    (provider == COLLPROVIDER_LIBC && is_c_locale(tuple, COLLOID, Anum_pg_collation_collcollate));
	ReleaseSysCache(tuple);
	return result;
}

} // namespace warden::advice
