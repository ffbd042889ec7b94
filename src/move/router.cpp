// router.cpp - Bounds as values of the key, in order, and a binary search among them.
#include "move/router.hpp"

#include "pg/scoped.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/typcache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// A range, or one value of a list.
struct Entry {
	Datum lower;
	Datum upper;
	bool has_lower;
	bool has_upper;
	int side;
};

} // namespace

struct Router {
	AttrNumber key; ///< InvalidAttrNumber: all go to where the rest goes
	bool is_list;
	FmgrInfo comparison;
	Oid collation;
	Oid output;
	Entry *entries;
	int count;
	int of_null; ///< the side that takes them, -1: none
	int of_rest;
	int last; ///< the entry that took the row before: rows that stand together are often of one range
};

namespace {

// All of this is server code.

int compare(Router *router, Datum one, Datum other) {
	return DatumGetInt32(FunctionCall2Coll(&router->comparison, router->collation, one, other));
}

bool is_above(Router *router, const Entry &entry, Datum value) {
	return !entry.has_lower || compare(router, value, entry.lower) >= 0;
}

bool is_below(Router *router, const Entry &entry, Datum value) {
	return !entry.has_upper || compare(router, value, entry.upper) < 0;
}

// The comparison of the partition key if this is a partition, otherwise the type's own.
bool compares_as_parent(Router *router, Relation source, const char *key) {
	if (!source->rd_rel->relispartition) {
		return false;
	}
	const Relation parent = relation_open(get_partition_parent(RelationGetRelid(source), true), AccessShareLock);
	const PartitionKey partition_key = RelationGetPartitionKey(parent);
	const AttrNumber number = partition_key->partattrs[0];
	const bool is_key =
		number > 0 && strcmp(NameStr(TupleDescAttr(RelationGetDescr(parent), number - 1)->attname), key) == 0;
	if (is_key) {
		fmgr_info_copy(&router->comparison, &partition_key->partsupfunc[0], CurrentMemoryContext);
		router->collation = partition_key->partcollation[0];
	}
	relation_close(parent, NoLock);
	return is_key;
}

void find_comparison(Router *router, Relation source, const Form_pg_attribute column) {
	if (compares_as_parent(router, source, NameStr(column->attname))) {
		return;
	}
	TypeCacheEntry *const type = lookup_type_cache(column->atttypid, TYPECACHE_CMP_PROC_FINFO);
	if (!OidIsValid(type->cmp_proc_finfo.fn_oid)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_FUNCTION),
		        errmsg("could not identify a comparison function for type %s", format_type_be(column->atttypid)));
	}
	fmgr_info_copy(&router->comparison, &type->cmp_proc_finfo, CurrentMemoryContext);
	router->collation = column->attcollation;
}

Router *begin_router(Oid oid, const char *name, int entries) {
	auto *const router = static_cast<Router *>(palloc0(sizeof(Router)));
	router->of_null = -1;
	router->of_rest = -1;
	if (entries == 0) {
		return router; // whatever the key is
	}
	router->entries = static_cast<Entry *>(palloc0(sizeof(Entry) * static_cast<Size>(entries)));
	const Relation source = relation_open(oid, AccessShareLock);
	router->key = get_attnum(oid, name);
	if (router->key <= 0) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
		        errmsg("column \"%s\" of relation \"%s\" does not exist", name, RelationGetRelationName(source)));
	}
	const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(source), router->key - 1);
	find_comparison(router, source, column);
	bool is_varlena = false;
	getTypeOutputInfo(column->atttypid, &router->output, &is_varlena);
	relation_close(source, NoLock);
	return router;
}

// A bound need not be of the key's domain, so it is read as of the type below.
Datum read_bound(Oid source, AttrNumber key, const char *text) {
	Oid input = InvalidOid;
	Oid parameter = InvalidOid;
	getTypeInputInfo(getBaseType(get_atttype(source, key)), &input, &parameter);
	return OidInputFunctionCall(input, const_cast<char *>(text), parameter, -1);
}

int compare_entries(const void *one, const void *other, void *router) {
	const auto *const left = static_cast<const Entry *>(one);
	const auto *const right = static_cast<const Entry *>(other);
	if (!left->has_lower || !right->has_lower) {
		return static_cast<int>(left->has_lower) - static_cast<int>(right->has_lower);
	}
	return compare(static_cast<Router *>(router), left->lower, right->lower);
}

// The last entry that does not begin above a value, or -1.
int search(Router *router, Datum value) {
	int low = 0;
	int high = router->count;
	while (low < high) {
		const int middle = low + (high - low) / 2;
		if (is_above(router, router->entries[middle], value)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low - 1;
}

bool takes(Router *router, const Entry &entry, Datum value) {
	return router->is_list ? compare(router, entry.lower, value) == 0
	                       : is_above(router, entry, value) && is_below(router, entry, value);
}

[[noreturn]] void refuse(Router *router, TupleTableSlot *slot, const char *why) {
	bool is_null = false;
	const Datum value = router->key == InvalidAttrNumber ? 0 : slot_getattr(slot, router->key, &is_null);
	ereport(ERROR, errcode(errcode_begin_anew), errmsg("%s", why),
	        router->key == InvalidAttrNumber || is_null
	            ? errdetail("Its key is null.")
	            : errdetail("Its key is %s.", OidOutputFunctionCall(router->output, value)));
	pg_unreachable();
}

} // namespace

Router *make_router(const std::vector<Side> &sides, Oid source, const std::string &key) {
	const PinnedSettings settings;
	partition::pin_notation();
	std::size_t most = 0;
	for (const Side &side : sides) {
		most += side.takes_rest ? 0 : std::max<std::size_t>(side.values.size(), 1);
	}
	Router *const router = call(begin_router, source, key.c_str(), static_cast<int>(most));
	const auto add = [&](const std::optional<std::string> &lower, const std::optional<std::string> &upper, int side) {
		Entry &entry = router->entries[router->count++];
		const auto read = [&](const std::string &text) { return call(read_bound, source, router->key, text.c_str()); };
		entry = {lower ? read(*lower) : 0, upper ? read(*upper) : 0, lower.has_value(), upper.has_value(), side};
	};
	for (std::size_t i = 0; i < sides.size(); ++i) {
		const Side &side = sides[i];
		const int index = static_cast<int>(i);
		router->is_list = router->is_list || side.is_list();
		if (side.takes_rest) {
			router->of_rest = index;
		} else if (!side.is_list()) {
			add(side.lower, side.upper, index);
		}
		for (const partition::Value &value : side.values) {
			if (value.is_null) {
				router->of_null = index;
			} else {
				add(value.text, std::nullopt, index);
			}
		}
	}
	router->of_null = router->of_null >= 0 ? router->of_null : router->of_rest;
	call([&] {
		qsort_arg(router->entries, static_cast<std::size_t>(router->count), sizeof(Entry), compare_entries, router);
	});
	return router;
}

int route(Router *router, TupleTableSlot *slot) {
	if (router->key == InvalidAttrNumber) {
		return router->of_rest;
	}
	bool is_null = false;
	const Datum value = slot_getattr(slot, router->key, &is_null);
	if (is_null) {
		return router->of_null;
	}
	if (router->last < router->count && takes(router, router->entries[router->last], value)) {
		return router->entries[router->last].side;
	}
	const int found = search(router, value);
	if (found < 0 || !takes(router, router->entries[found], value)) {
		return router->of_rest;
	}
	router->last = found;
	return router->entries[found].side;
}

int route_or_fail(Router *router, TupleTableSlot *slot) {
	const int side = route(router, slot);
	if (side < 0) {
		refuse(router, slot, "there is no partition for a row that came while rows were moved");
	}
	return side;
}

void check_stays(Router *router, TupleTableSlot *slot) {
	if (route(router, slot) != 0) {
		refuse(router, slot, "a row that came meanwhile does not belong into the first partition");
	}
}

} // namespace warden::move
