// flip_rows.cpp - What the catalogue says of a plain table, and of a partitioned one.  Server code, all of it.

#include "move/catalog_rows.hpp"
#include "move/partition_flip.hpp"
#include "pg/relation_storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_extension_d.h"
#include "catalog/pg_opclass_d.h"
#include "catalog/pg_partitioned_table_d.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_statistic_ext_data.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

/// Runs f on each row of a catalogue whose column has that value.
template <class F>
void for_rows(Oid catalogue, Oid index, AttrNumber column, Oid value, F f) {
	const Relation table = table_open(catalogue, RowExclusiveLock);
	ScanKeyData key;
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	const SysScanDesc scan = systable_beginscan(table, index, OidIsValid(index), nullptr, 1, &key);
	for (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row); row = systable_getnext(scan)) {
		f(table, row);
	}
	systable_endscan(scan);
	table_close(table, NoLock);
}

// A foreign key of a partitioned table is one of its partitions as well.
void set_inheritable(Oid table, bool is_inheritable) {
	for_rows(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, table,
	         [=](Relation constraints, HeapTuple row) {
				 const HeapTuple copy = heap_copytuple(row);
				 const auto form = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(copy));
				 if (form->contype == CONSTRAINT_FOREIGN && form->connoinherit == is_inheritable) {
					 form->connoinherit = !is_inheritable;
					 CatalogTupleUpdate(constraints, &copy->t_self, copy);
				 }
			 });
}

/// Makes a table's own statistics those of it and its partitions, or the other way, so that plans stay as they are.
/// Others, of the same column, are dropped.
struct Inherited {
	Oid catalogue;
	Oid index;
	AttrNumber object;
	AttrNumber flag;
};

void set_inherited(const Inherited &what, Oid object, bool is_inherited) {
	const auto is = [&](Relation table, HeapTuple row) {
		bool is_null = false;
		return DatumGetBool(heap_getattr(row, what.flag, RelationGetDescr(table), &is_null));
	};
	bool has_any = false;
	for_rows(what.catalogue, what.index, what.object, object,
	         [&](Relation table, HeapTuple row) { has_any = has_any || is(table, row) != is_inherited; });
	if (!has_any) {
		return;
	}
	for_rows(what.catalogue, what.index, what.object, object, [&](Relation table, HeapTuple row) {
		if (is(table, row) == is_inherited) {
			CatalogTupleDelete(table, &row->t_self);
		}
	});
	CommandCounterIncrement();
	for_rows(what.catalogue, what.index, what.object, object, [&](Relation table, HeapTuple row) {
		Datum values[Natts_pg_statistic] = {}; // of the larger of the two
		bool nulls[Natts_pg_statistic] = {};
		bool replaced[Natts_pg_statistic] = {};
		values[what.flag - 1] = BoolGetDatum(is_inherited);
		replaced[what.flag - 1] = true;
		const HeapTuple changed = heap_modify_tuple(row, RelationGetDescr(table), values, nulls, replaced);
		CatalogTupleUpdate(table, &changed->t_self, changed);
	});
	CommandCounterIncrement();
}

void set_statistics_inherited(Oid table, bool is_inherited) {
	static constexpr Inherited columns = {StatisticRelationId, StatisticRelidAttnumInhIndexId,
	                                      Anum_pg_statistic_starelid, Anum_pg_statistic_stainherit};
	static constexpr Inherited extended = {StatisticExtDataRelationId, StatisticExtDataStxoidInhIndexId,
	                                       Anum_pg_statistic_ext_data_stxoid, Anum_pg_statistic_ext_data_stxdinherit};
	set_inherited(columns, table, is_inherited);
	for_rows(StatisticExtRelationId, StatisticExtRelidIndexId, Anum_pg_statistic_ext_stxrelid, table,
	         [=](Relation, HeapTuple row) {
				 set_inherited(extended, reinterpret_cast<Form_pg_statistic_ext>(GETSTRUCT(row))->oid, is_inherited);
			 });
}

void clear_cluster_mark(Oid index) {
	const HeapTuple row = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(index));
	const auto form = reinterpret_cast<Form_pg_index>(GETSTRUCT(row));
	if (form->indisclustered || form->indcheckxmin) {
		form->indisclustered = false;
		form->indcheckxmin = false;
		const Relation indexes = table_open(IndexRelationId, RowExclusiveLock);
		CatalogTupleUpdate(indexes, &row->t_self, row);
		table_close(indexes, NoLock);
	}
}

// The server's counters of it stay until it is dropped: what is dropped twice, while another session has counted it,
// takes the server down when DROP TABLE commits.
void drop_storage(Relation relation) {
	RelationDropStorage(relation);
	pgstat_unlink_relation(relation); // a relcache entry without storage would forget that it is linked
}

void drop_index_storage(Oid index) {
	const Relation relation = relation_open(index, NoLock);
	CheckTableNotInUse(relation, "partition the table of");
	drop_storage(relation);
	relation_close(relation, NoLock);
}

void drop_table_storage(Oid table) {
	const Relation relation = table_open(table, NoLock);
	CheckTableNotInUse(relation, "partition");
	CheckTableForSerializableConflictIn(relation);
	RelationClearMissing(relation);
	const Oid toast = relation->rd_rel->reltoastrelid;
	drop_storage(relation);
	table_close(relation, NoLock);
	if (OidIsValid(toast)) {
		deleteDependencyRecordsFor(RelationRelationId, toast, false);
		CommandCounterIncrement();
		drop_object(RelationRelationId, toast);
	}
}

// What has no storage depends on its tablespace explicitly; a file in it is enough.
void depend_on_tablespace(Oid relation, Oid tablespace, bool has_storage) {
	if (OidIsValid(tablespace)) {
		if (has_storage) {
			changeDependencyOnTablespace(RelationRelationId, relation, InvalidOid);
		} else {
			recordDependencyOnTablespace(RelationRelationId, relation, tablespace);
		}
	}
}

void index_to_partitioned(Oid index) {
	const HeapTuple row = class_row(index);
	const Form_pg_class form = class_form(row);
	depend_on_tablespace(index, form->reltablespace, false);
	set_storage_row(form, {.file = InvalidOid,
	                       .tablespace = form->reltablespace,
	                       .toast = InvalidOid,
	                       .frozen_xid = InvalidTransactionId,
	                       .minimum_multi = InvalidMultiXactId,
	                       .pages = 0,
	                       .tuples = 0,
	                       .all_visible = 0,
	                       .all_frozen = 0});
	form->relkind = RELKIND_PARTITIONED_INDEX;
	update_class(row);
	clear_cluster_mark(index);
	RemoveStatistics(index, 0);
}

void table_to_partitioned(Oid table) {
	const HeapTuple row = class_row(table);
	const Form_pg_class form = class_form(row);
	depend_on_tablespace(table, form->reltablespace, false);
	const bool is_analyzed = form->reltuples >= 0;
	set_storage_row(form, {.file = InvalidOid,
	                       .tablespace = form->reltablespace,
	                       .toast = InvalidOid,
	                       .frozen_xid = InvalidTransactionId,
	                       .minimum_multi = InvalidMultiXactId,
	                       .pages = is_analyzed ? -1 : 0,
	                       .tuples = form->reltuples,
	                       .all_visible = 0,
	                       .all_frozen = 0});
	form->relkind = RELKIND_PARTITIONED_TABLE;
	if (!partitioned_tables_have_method || form->relam == HEAP_TABLE_AM_OID) {
		deleteDependencyRecordsForSpecific(RelationRelationId, table, DEPENDENCY_NORMAL, AccessMethodRelationId,
		                                   form->relam);
		form->relam = InvalidOid;
	}
	if (!partitioned_tables_are_unlogged) {
		form->relpersistence = RELPERSISTENCE_PERMANENT;
	}
	update_class(row);
	CommandCounterIncrement();
	set_storage_options(table, 0);
}

void store_key(Oid table, AttrNumber number) {
	const Relation relation = table_open(table, NoLock);
	const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), number - 1);
	AttrNumber columns[] = {number};
	Oid classes[] = {GetDefaultOpClass(column->atttypid, BTREE_AM_OID)};
	Oid collations[] = {column->attcollation};
	if (!OidIsValid(classes[0])) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
		        errmsg("data type of column \"%s\" has no default operator class for access method \"btree\"",
		               NameStr(column->attname)));
	}
	StorePartitionKey(relation, 'r', 1, columns, NIL, classes, collations);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

// StorePartitionKey() has made the table depend on what its key needs, and the columns of the key on the table.
void forget_key(Oid table) {
	RemovePartitionKeyByRelId(table);
	for_rows(DependRelationId, DependDependerIndexId, Anum_pg_depend_objid, table,
	         [=](Relation depends, HeapTuple row) {
				 const auto form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
				 if (form->classid != RelationRelationId) {
					 return;
				 }
				 const bool is_column = form->objsubid > 0 && form->refclassid == RelationRelationId &&
		                                form->refobjid == table && form->refobjsubid == 0 &&
		                                form->deptype == DEPENDENCY_INTERNAL;
				 const bool is_class =
					 form->objsubid == 0 && form->deptype == DEPENDENCY_NORMAL &&
					 (form->refclassid == OperatorClassRelationId || form->refclassid == CollationRelationId);
				 if (is_column || is_class) {
					 CatalogTupleDelete(depends, &row->t_self);
				 }
			 });
	CommandCounterIncrement();
}

void give_storage(Form_pg_class form, Oid tablespace, char persistence) {
	const Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	StorageRow storage = storage_row(form);
	storage.tablespace = tablespace;
	storage.file = create_empty_storage(classes, tablespace, persistence);
	set_storage_row(form, storage);
	form->relpersistence = persistence;
	table_close(classes, NoLock);
}

void index_to_plain(Oid index, char persistence) {
	const HeapTuple row = class_row(index);
	const Form_pg_class form = class_form(row);
	depend_on_tablespace(index, form->reltablespace, true);
	give_storage(form, form->reltablespace, persistence);
	form->relkind = RELKIND_INDEX;
	form->relhassubclass = false;
	update_class(row);
}

void table_to_plain(Oid table, Oid tablespace, Oid method, char persistence) {
	const HeapTuple row = class_row(table);
	const Form_pg_class form = class_form(row);
	depend_on_tablespace(table, form->reltablespace, true);
	give_storage(form, tablespace, persistence);
	if (form->relam != method) {
		const ObjectAddress depender = {RelationRelationId, table, 0};
		const ObjectAddress referenced = {AccessMethodRelationId, method, 0};
		deleteDependencyRecordsForSpecific(RelationRelationId, table, DEPENDENCY_NORMAL, AccessMethodRelationId,
		                                   form->relam);
		recordDependencyOn(&depender, &referenced, DEPENDENCY_NORMAL);
	}
	form->relam = method;
	form->relkind = RELKIND_RELATION;
	form->relhassubclass = false;
	form->relfrozenxid = RecentXmin; // of the empty file; the storage that is exchanged for it has its own
	form->relminmxid = ReadNextMultiXactId();
	update_class(row);
}

void announce(Oid table, const OidSet &indexes) {
	CommandCounterIncrement();
	CacheInvalidateRelcacheByRelid(table);
	InvokeObjectPostAlterHook(RelationRelationId, table, 0);
	for (int i = 0; i < indexes.count; ++i) {
		InvokeObjectPostAlterHook(RelationRelationId, indexes.oids[i], 0);
	}
	CommandCounterIncrement();
}

} // namespace

void flip_to_partitioned(Oid table, AttrNumber key) {
	const OidSet indexes = indexes_of(table);
	for (int i = 0; i < indexes.count; ++i) {
		drop_index_storage(indexes.oids[i]);
	}
	drop_table_storage(table);
	for (int i = 0; i < indexes.count; ++i) {
		index_to_partitioned(indexes.oids[i]);
	}
	table_to_partitioned(table);
	CommandCounterIncrement();
	store_key(table, key);
	set_inheritable(table, true);
	set_statistics_inherited(table, true);
	announce(table, indexes);
}

void flip_to_plain(Oid table, Oid tablespace, Oid method, char persistence) {
	const Relation relation = table_open(table, NoLock);
	CheckTableNotInUse(relation, "make plain");
	CheckTableForSerializableConflictIn(relation);
	table_close(relation, NoLock);
	const OidSet indexes = indexes_of(table);
	forget_key(table);
	for (int i = 0; i < indexes.count; ++i) {
		index_to_plain(indexes.oids[i], persistence);
	}
	table_to_plain(table, tablespace, method, persistence);
	CommandCounterIncrement();
	set_inheritable(table, false);
	set_statistics_inherited(table, false);
	announce(table, indexes);
}

} // namespace warden::move
