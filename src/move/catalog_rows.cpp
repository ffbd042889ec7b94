#include "move/catalog_rows.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "nodes/pg_list.h"
#include "utils/syscache.h"
}

namespace warden::move {

HeapTuple class_row(Oid relation) {
	const HeapTuple row = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relation));
	if (!HeapTupleIsValid(row)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation));
	}
	return row;
}

void update_class(HeapTuple row) {
	const Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	CatalogTupleUpdate(classes, &row->t_self, row);
	table_close(classes, NoLock);
}

Datum storage_options(Oid relation) {
	bool is_null = true;
	const Datum options = SysCacheGetAttr(RELOID, class_row(relation), Anum_pg_class_reloptions, &is_null);
	return is_null ? Datum{0} : options;
}

void set_storage_options(Oid relation, Datum options) {
	const Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	Datum values[Natts_pg_class] = {};
	bool nulls[Natts_pg_class] = {};
	bool replaced[Natts_pg_class] = {};
	constexpr int column = Anum_pg_class_reloptions - 1;
	values[column] = options;
	nulls[column] = options == 0;
	replaced[column] = true;
	const HeapTuple row = heap_modify_tuple(class_row(relation), RelationGetDescr(classes), values, nulls, replaced);
	CatalogTupleUpdate(classes, &row->t_self, row);
	table_close(classes, NoLock);
	CommandCounterIncrement();
}

Oid toast_table_of(Oid table) {
	return class_form(class_row(table))->reltoastrelid;
}

OidSet indexes_of(Oid table) {
	const Relation relation = relation_open(table, NoLock);
	const List *const list = RelationGetIndexList(relation);
	OidSet set = {list_length(list), static_cast<Oid *>(palloc0(sizeof(Oid) * (list_length(list) + 1)))};
	for (int i = 0; i < set.count; ++i) {
		set.oids[i] = list->elements[i].oid_value;
	}
	relation_close(relation, NoLock);
	return set;
}

void drop_object(Oid class_id, Oid object) {
	const ObjectAddress address = {class_id, object, 0};
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}

} // namespace warden::move
