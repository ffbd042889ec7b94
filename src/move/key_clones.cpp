#include "move/key_clones.hpp"

#include "move/catalog_rows.hpp"
#include "pg/column_map.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_trigger.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
}

namespace warden::move {

using namespace pg;

namespace {

Form_pg_constraint form_of(HeapTuple key) {
	return reinterpret_cast<Form_pg_constraint>(GETSTRUCT(key));
}

/// Copies of the rows of a catalogue that have these values.
KeyRows find_rows(Oid catalogue, Oid index, ScanKeyData *keys, int key_count) {
	KeyRows found{static_cast<HeapTuple *>(palloc(8 * sizeof(HeapTuple))), 0};
	int room = 8;
	const Relation table = table_open(catalogue, RowExclusiveLock);
	const SysScanDesc scan = systable_beginscan(table, index, OidIsValid(index), nullptr, key_count, keys);
	for (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row); row = systable_getnext(scan)) {
		if (found.count == room) {
			room *= 2;
			found.rows = static_cast<HeapTuple *>(repalloc(static_cast<void *>(found.rows), room * sizeof(HeapTuple)));
		}
		found.rows[found.count++] = heap_copytuple(row);
	}
	systable_endscan(scan);
	table_close(table, NoLock);
	return found;
}

KeyRows find_keys(AttrNumber column, Oid index, Oid table) {
	ScanKeyData key;
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	KeyRows found = find_rows(ConstraintRelationId, index, &key, 1);
	int count = 0;
	for (int i = 0; i < found.count; ++i) {
		if (form_of(found.rows[i])->contype == CONSTRAINT_FOREIGN) {
			found.rows[count++] = found.rows[i];
		}
	}
	found.count = count;
	return found;
}

KeyRows find_triggers(Oid constraint) {
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_trigger_tgconstraint, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(constraint));
	return find_rows(TriggerRelationId, TriggerConstraintIndexId, &key, 1);
}

/// A clone that is being made, and what is what in it.
struct Clone {
	HeapTuple key;     ///< of which it is one
	Oid oid;           ///< its own
	Oid parent;        ///< the table that is partitioned
	Oid partition;     ///< which stands in its place
	bool is_referring; ///< at the end that refers; or at the other
	const AttrMap *columns;
	Oid index;   ///< by which rows that are referred to are found
	int *number; ///< for its name: none below is free
};

AttrNumber column_of(const Clone &clone, int column) {
	return column > 0 ? clone.columns->attnums[column - 1] : static_cast<AttrNumber>(column);
}

/// A list of columns of the parent's, as those of the partition.
Datum mapped_columns(const Clone &clone, Datum list) {
	const ArrayType *const array = DatumGetArrayTypeP(list);
	const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const auto *const columns = reinterpret_cast<const int16 *>(ARR_DATA_PTR(array));
	auto *const mapped = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<std::size_t>(Max(count, 1))));
	for (int i = 0; i < count; ++i) {
		mapped[i] = Int16GetDatum(column_of(clone, columns[i]));
	}
	return PointerGetDatum(construct_array(mapped, count, INT2OID, sizeof(int16), true, TYPALIGN_SHORT));
}

/// The name of the key, or one like it: a table may have one clone for each partition of the other.
const char *name_for(const Clone &clone, Oid of_table) {
	const char *const name = NameStr(form_of(clone.key)->conname);
	const char *free = name;
	while (ConstraintNameIsUsed(CONSTRAINT_RELATION, of_table, free)) {
		free = makeObjectName(name, nullptr, psprintf("%d", ++*clone.number));
	}
	return free;
}

void insert_constraint(const Clone &clone) {
	Datum values[Natts_pg_constraint] = {};
	bool nulls[Natts_pg_constraint] = {};
	bool replaced[Natts_pg_constraint] = {};
	const auto set = [&](AttrNumber column, Datum value) {
		values[column - 1] = value;
		replaced[column - 1] = true;
	};
	const Relation constraints = table_open(ConstraintRelationId, RowExclusiveLock);
	const auto map = [&](AttrNumber column) {
		bool is_null = true;
		const Datum list = heap_getattr(clone.key, column, RelationGetDescr(constraints), &is_null);
		if (!is_null) {
			set(column, mapped_columns(clone, list));
		}
	};
	NameData name;
	namestrcpy(&name, name_for(clone, clone.is_referring ? clone.partition : form_of(clone.key)->conrelid));
	set(Anum_pg_constraint_oid, ObjectIdGetDatum(clone.oid));
	set(Anum_pg_constraint_conname, NameGetDatum(&name));
	set(Anum_pg_constraint_conparentid, ObjectIdGetDatum(form_of(clone.key)->oid));
	set(Anum_pg_constraint_conindid, ObjectIdGetDatum(clone.index));
	set(Anum_pg_constraint_conislocal, BoolGetDatum(false));
	set(Anum_pg_constraint_coninhcount, Int16GetDatum(1));
	set(Anum_pg_constraint_connoinherit, BoolGetDatum(false));
	if (clone.is_referring) {
		set(Anum_pg_constraint_conrelid, ObjectIdGetDatum(clone.partition));
		map(Anum_pg_constraint_conkey);
		map(Anum_pg_constraint_confdelsetcols);
	} else {
		set(Anum_pg_constraint_confrelid, ObjectIdGetDatum(clone.partition));
		map(Anum_pg_constraint_confkey);
	}
	CatalogTupleInsert(constraints,
	                   heap_modify_tuple(clone.key, RelationGetDescr(constraints), values, nulls, replaced));
	table_close(constraints, NoLock);
}

ObjectAddress address_of(Oid class_id, Oid object, int column = 0) {
	return {class_id, object, column};
}

void depend(const ObjectAddress &depender, const ObjectAddress &on, char type) {
	recordDependencyOn(&depender, &on, static_cast<DependencyType>(type));
}

/// The referring columns go with the key, the others are kept by it.
bool is_of_this_end(const Clone &clone, Form_pg_depend row) {
	return row->refclassid == RelationRelationId && row->refobjid == clone.parent &&
	       row->deptype == (clone.is_referring ? DEPENDENCY_AUTO : DEPENDENCY_NORMAL);
}

void depend_alike(const Clone &clone) {
	ScanKeyData keys[2];
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(ConstraintRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(form_of(clone.key)->oid));
	const KeyRows rows = find_rows(DependRelationId, DependDependerIndexId, keys, 2);
	const ObjectAddress self = address_of(ConstraintRelationId, clone.oid);
	for (int i = 0; i < rows.count; ++i) {
		const auto row = reinterpret_cast<Form_pg_depend>(GETSTRUCT(rows.rows[i]));
		if (row->deptype != DEPENDENCY_AUTO && row->deptype != DEPENDENCY_NORMAL) {
			continue; // on the key that it is a clone of itself
		}
		ObjectAddress on = address_of(row->refclassid, row->refobjid, row->refobjsubid);
		if (is_of_this_end(clone, row)) {
			on.objectId = clone.partition;
			on.objectSubId = column_of(clone, row->refobjsubid);
		} else if (on.classId == RelationRelationId && on.objectId == form_of(clone.key)->conindid) {
			on.objectId = clone.index;
		}
		depend(self, on, row->deptype);
	}
	const ObjectAddress whole = address_of(ConstraintRelationId, form_of(clone.key)->oid);
	if (clone.is_referring) {
		depend(self, whole, DEPENDENCY_PARTITION_PRI);
		depend(self, address_of(RelationRelationId, clone.partition), DEPENDENCY_PARTITION_SEC);
	} else {
		depend(self, whole, DEPENDENCY_INTERNAL);
	}
}

void insert_trigger(const Clone &clone, Relation triggers, HeapTuple model) {
	Datum values[Natts_pg_trigger] = {};
	bool nulls[Natts_pg_trigger] = {};
	bool replaced[Natts_pg_trigger] = {};
	const auto set = [&](AttrNumber column, Datum value) {
		values[column - 1] = value;
		replaced[column - 1] = true;
	};
	const Oid parent = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(model))->oid;
	const Oid oid = GetNewOidWithIndex(triggers, TriggerOidIndexId, Anum_pg_trigger_oid);
	NameData name;
	namestrcpy(&name, psprintf("RI_ConstraintTrigger_%c_%u", clone.is_referring ? 'c' : 'a', oid));
	set(Anum_pg_trigger_oid, ObjectIdGetDatum(oid));
	set(Anum_pg_trigger_tgname, NameGetDatum(&name));
	set(Anum_pg_trigger_tgrelid, ObjectIdGetDatum(clone.partition));
	set(Anum_pg_trigger_tgparentid, ObjectIdGetDatum(parent));
	set(Anum_pg_trigger_tgconstraint, ObjectIdGetDatum(clone.oid));
	set(Anum_pg_trigger_tgconstrindid, ObjectIdGetDatum(clone.index));
	CatalogTupleInsert(triggers, heap_modify_tuple(model, RelationGetDescr(triggers), values, nulls, replaced));
	depend(address_of(TriggerRelationId, oid), address_of(ConstraintRelationId, clone.oid), DEPENDENCY_INTERNAL);
}

void insert_triggers(const Clone &clone) {
	const KeyRows models = find_triggers(form_of(clone.key)->oid);
	const Relation triggers = table_open(TriggerRelationId, RowExclusiveLock);
	for (int i = 0; i < models.count; ++i) {
		const auto form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(models.rows[i]));
		const int type = RI_FKey_trigger_type(form->tgfoid);
		if (form->tgrelid == clone.parent && type == (clone.is_referring ? RI_TRIGGER_FK : RI_TRIGGER_PK)) {
			insert_trigger(clone, triggers, models.rows[i]);
		}
	}
	table_close(triggers, NoLock);
	const HeapTuple row = class_row(clone.partition);
	if (!class_form(row)->relhastriggers) {
		class_form(row)->relhastriggers = true;
		update_class(row);
	} else {
		CacheInvalidateRelcacheByTuple(row);
	}
}

void make_clone(HeapTuple key, Oid parent, Oid partition, bool is_referring, int *number) {
	const Relation relation = table_open(partition, NoLock);
	const Relation whole = table_open(parent, NoLock);
	const Relation constraints = table_open(ConstraintRelationId, RowExclusiveLock);
	const Clone clone{
		.key = key,
		.oid = GetNewOidWithIndex(constraints, ConstraintOidIndexId, Anum_pg_constraint_oid),
		.parent = parent,
		.partition = partition,
		.is_referring = is_referring,
		.columns = map_columns_by_name(RelationGetDescr(relation), RelationGetDescr(whole)),
		.index = is_referring ? form_of(key)->conindid : index_get_partition(relation, form_of(key)->conindid),
		.number = number,
	};
	table_close(constraints, NoLock);
	table_close(whole, NoLock);
	table_close(relation, NoLock);
	if (!OidIsValid(clone.index)) {
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		        errmsg("index %u has no partition in table %u", form_of(key)->conindid, partition));
	}
	insert_constraint(clone);
	depend_alike(clone);
	insert_triggers(clone);
	CommandCounterIncrement();
	InvokeObjectPostCreateHook(ConstraintRelationId, clone.oid, 0);
}

void delete_row(Oid catalogue, HeapTuple row) {
	const Relation table = table_open(catalogue, RowExclusiveLock);
	CatalogTupleDelete(table, &row->t_self);
	table_close(table, NoLock);
}

// Nothing but its triggers depends on a clone.  Those are the partition's: to drop it as an object would lock the table
// that refers.
void delete_clone(HeapTuple clone, Oid partition) {
	const Oid oid = form_of(clone)->oid;
	const KeyRows triggers = find_triggers(oid);
	for (int i = 0; i < triggers.count; ++i) {
		const auto form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(triggers.rows[i]));
		if (form->tgrelid != partition) {
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			        errmsg("a foreign key to partition %u has a trigger on table %u", partition, form->tgrelid));
		}
		deleteDependencyRecordsFor(TriggerRelationId, form->oid, false);
		delete_row(TriggerRelationId, triggers.rows[i]);
	}
	DeleteComments(oid, ConstraintRelationId, 0);
	deleteDependencyRecordsFor(ConstraintRelationId, oid, false);
	delete_row(ConstraintRelationId, clone);
	CacheInvalidateRelcacheByRelid(partition);
	CommandCounterIncrement();
}

} // namespace

KeyRows read_keys(Oid table) {
	const KeyRows referring = find_keys(Anum_pg_constraint_conrelid, ConstraintRelidTypidNameIndexId, table);
	const KeyRows referred = find_keys(Anum_pg_constraint_confrelid, InvalidOid, table);
	const std::size_t most = static_cast<std::size_t>(referring.count) + static_cast<std::size_t>(referred.count) + 1;
	KeyRows keys{static_cast<HeapTuple *>(palloc(most * sizeof(HeapTuple))), 0};
	for (int i = 0; i < referring.count; ++i) {
		keys.rows[keys.count++] = referring.rows[i];
	}
	for (int i = 0; i < referred.count; ++i) {
		if (form_of(referred.rows[i])->conrelid != table) {
			keys.rows[keys.count++] = referred.rows[i];
		}
	}
	return keys;
}

// The server forgets what it knows of the keys of the table that refers; what it has of the other are the triggers.
void delete_key(HeapTuple key) {
	delete_row(ConstraintRelationId, key);
	CommandCounterIncrement();
}

void insert_key(HeapTuple key) {
	const Relation constraints = table_open(ConstraintRelationId, RowExclusiveLock);
	CatalogTupleInsert(constraints, key);
	table_close(constraints, NoLock);
	CommandCounterIncrement();
}

void clone_referring(HeapTuple key, Oid partition) {
	int number = 0; // constraints of a partition have other names, as a rule
	make_clone(key, form_of(key)->conrelid, partition, true, &number);
}

void clone_referenced(HeapTuple key, Oid partition, int *number) {
	make_clone(key, form_of(key)->confrelid, partition, false, number);
}

void delete_referenced_clones(Oid partition) {
	const KeyRows keys = find_keys(Anum_pg_constraint_confrelid, InvalidOid, partition);
	for (int i = 0; i < keys.count; ++i) {
		if (OidIsValid(form_of(keys.rows[i])->conparentid)) {
			delete_clone(keys.rows[i], partition);
		}
	}
}

} // namespace warden::move
