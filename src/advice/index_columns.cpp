#include "advice/index_columns.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "statistics/statistics.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

/// The type that an operator class has its index store, of a column of another one.
Oid type_to_store(Oid opclass, Oid given) {
	const HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	if (!HeapTupleIsValid(tuple)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("operator class with OID %u does not exist", opclass));
	}
	const auto *const row = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
	Oid type = row->opckeytype;
	if (type == ANYELEMENTOID && row->opcintype == ANYARRAYOID) {
		type = get_base_element_type(given);
	}
	ReleaseSysCache(tuple);
	return OidIsValid(type) && !IsPolymorphicType(type) ? type : given;
}

bool is_built(Oid statistics) {
	const HeapTuple tuple = SearchSysCache2(STATEXTDATASTXOID, ObjectIdGetDatum(statistics), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const bool is_built = statext_is_kind_built(tuple, STATS_EXT_NDISTINCT);
	ReleaseSysCache(tuple);
	return is_built;
}

bool is_of(const MVNDistinctItem &item, const AttrNumber *columns, int count) {
	if (item.nattributes != count) {
		return false;
	}
	for (int i = 0; i < count; ++i) {
		bool found = false;
		for (int j = 0; j < count; ++j) {
			found = found || item.attributes[i] == columns[j];
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

} // namespace

StoredType stored_type(Relation table, AttrNumber column, Node *expression, Oid opclass) {
	StoredType stored{};
	if (expression != nullptr) {
		stored.given = exprType(expression);
		stored.given_typmod = exprTypmod(expression);
		stored.collation = exprCollation(expression);
	} else {
		const FormData_pg_attribute *const attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
		stored.given = attribute->atttypid;
		stored.given_typmod = attribute->atttypmod;
		stored.collation = attribute->attcollation;
		stored.storage = attribute->attstorage;
	}
	stored.type = OidIsValid(opclass) ? type_to_store(opclass, stored.given) : stored.given;
	stored.typmod = stored.type == stored.given ? stored.given_typmod : -1;
	get_typlenbyvalalign(stored.type, &stored.length, &stored.is_by_value, &stored.alignment);
	if (expression != nullptr || stored.type != stored.given) {
		stored.storage = get_typstorage(stored.type);
	}
	return stored;
}

bool is_image_equal(Oid family, Oid input_type, Oid collation) {
	const Oid function = get_opfamily_proc(family, input_type, input_type, BTEQUALIMAGE_PROC);
	return OidIsValid(function) &&
	       DatumGetBool(OidFunctionCall1Coll(function, collation, ObjectIdGetDatum(input_type)));
}

double known_combinations(Relation table, const AttrNumber *columns, int count) {
	double combinations = 0;
	ListCell *cell = nullptr;
	List *const all = RelationGetStatExtList(table);
	foreach (cell, all) {
		if (!is_built(lfirst_oid(cell))) {
			continue;
		}
		const MVNDistinct *const found = statext_ndistinct_load(lfirst_oid(cell), false);
		for (uint32 i = 0; i < found->nitems; ++i) {
			if (is_of(found->items[i], columns, count)) {
				combinations = found->items[i].ndistinct;
			}
		}
	}
	list_free(all);
	return combinations;
}

bloat::StoredColumn stored_column(Relation table, AttrNumber column, const StoredType &stored) {
	const FormData_pg_attribute *const attribute =
		column > 0 ? TupleDescAttr(RelationGetDescr(table), column - 1) : nullptr;
	return {.length = stored.length,
	        .alignment = stored.alignment,
	        .storage = stored.storage,
	        .type = stored.given,
	        .is_never_null = attribute != nullptr && attribute->attnotnull,
	        .is_always_null = false,
	        .is_made_up = attribute == nullptr || attribute->atthasmissing};
}

std::optional<bloat::ColumnStatistics> column_facts(Relation table, AttrNumber column, Oid opclass) {
	const StoredType stored = call([&] { return stored_type(table, column, nullptr, opclass); });
	return bloat::read_statistics(RelationGetRelid(table), column, stored_column(table, column, stored));
}

} // namespace warden::advice
