#include "move/storage_exchange.hpp"

#include "move/catalog_rows.hpp"
#include "pg/names.hpp"
#include "pg/relation_storage.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "commands/tablecmds.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Pairs of indexes of two tables that are not the same in what decides the form of their entries.
constinit Statement unlike_query{R"(
SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text
FROM unnest($1::oid[], $2::oid[]) pair (one, other)
JOIN pg_class c ON c.oid = one
JOIN pg_class d ON d.oid = other
JOIN pg_index a ON a.indexrelid = one
JOIN pg_index b ON b.indexrelid = other
WHERE (c.relam, a.indnatts, a.indnkeyatts, a.indkey::text, a.indclass::text, a.indcollation::text, a.indoption::text)
      IS DISTINCT FROM
      (d.relam, b.indnatts, b.indnkeyatts, b.indkey::text, b.indclass::text, b.indcollation::text, b.indoption::text)
   OR pg_get_expr(a.indexprs, a.indrelid) IS DISTINCT FROM pg_get_expr(b.indexprs, b.indrelid)
   OR pg_get_expr(a.indpred, a.indrelid) IS DISTINCT FROM pg_get_expr(b.indpred, b.indrelid)
   OR NOT (a.indisvalid AND a.indisready AND b.indisvalid AND b.indisready)
ORDER BY 1)"};

// What follows is server code.

/// Whether the rows of one table can be read as those of the other.
bool are_alike(Oid one, Oid other) {
	const Relation first = relation_open(one, NoLock);
	const Relation second = relation_open(other, NoLock);
	const TupleDesc columns = RelationGetDescr(first);
	const TupleDesc others = RelationGetDescr(second);
	bool alike = columns->natts == others->natts && first->rd_rel->relam == second->rd_rel->relam &&
	             first->rd_rel->relpersistence == second->rd_rel->relpersistence;
	for (int i = 0; alike && i < columns->natts; ++i) {
		const Form_pg_attribute column = TupleDescAttr(columns, i);
		const Form_pg_attribute its = TupleDescAttr(others, i);
		alike = column->atttypid == its->atttypid && column->atttypmod == its->atttypmod &&
		        column->attlen == its->attlen && column->attalign == its->attalign &&
		        column->attbyval == its->attbyval && column->attisdropped == its->attisdropped;
	}
	relation_close(second, NoLock);
	relation_close(first, NoLock);
	return alike;
}

void exchange_class(Oid one, Oid other) {
	const HeapTuple row = class_row(one);
	const HeapTuple its = class_row(other);
	const StorageRow storage = storage_row(class_form(row));
	set_storage_row(class_form(row), storage_row(class_form(its)));
	set_storage_row(class_form(its), storage);
	update_class(row);
	update_class(its);
}

// What is new in this transaction goes with the files.
void exchange_age(Oid one, Oid other) {
	const Relation first = relation_open(one, NoLock);
	const Relation second = relation_open(other, NoLock);
	const StorageAge age = storage_age(first);
	const StorageAge its = storage_age(second);
	if (age.is_new() || its.is_new()) {
		set_storage_age(first, its);
		set_storage_age(second, age);
	}
	relation_close(second, NoLock);
	relation_close(first, NoLock);
}

HeapTuple attribute_row(Oid table, AttrNumber number) {
	const HeapTuple row = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(table), Int16GetDatum(number));
	if (!HeapTupleIsValid(row)) {
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", number, table);
	}
	return row;
}

/// The value of a column in rows that are older than it.
NullableDatum missing_value(HeapTuple attribute) {
	NullableDatum value = {0, true};
	value.value = SysCacheGetAttr(ATTNUM, attribute, Anum_pg_attribute_attmissingval, &value.isnull);
	return value;
}

void set_missing(Relation attributes, HeapTuple row, bool has_missing, NullableDatum value) {
	Datum values[Natts_pg_attribute] = {};
	bool nulls[Natts_pg_attribute] = {};
	bool replaced[Natts_pg_attribute] = {};
	values[Anum_pg_attribute_atthasmissing - 1] = BoolGetDatum(has_missing);
	replaced[Anum_pg_attribute_atthasmissing - 1] = true;
	values[Anum_pg_attribute_attmissingval - 1] = value.value;
	nulls[Anum_pg_attribute_attmissingval - 1] = value.isnull;
	replaced[Anum_pg_attribute_attmissingval - 1] = true;
	const HeapTuple changed = heap_modify_tuple(row, RelationGetDescr(attributes), values, nulls, replaced);
	CatalogTupleUpdate(attributes, &changed->t_self, changed);
}

void exchange_missing(Oid one, Oid other) {
	const int columns = class_form(class_row(one))->relnatts;
	const Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
	for (int number = 1; number <= columns; ++number) {
		const HeapTuple row = attribute_row(one, static_cast<AttrNumber>(number));
		const HeapTuple its = attribute_row(other, static_cast<AttrNumber>(number));
		const bool has_missing = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row))->atthasmissing;
		const bool its_missing = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(its))->atthasmissing;
		if (has_missing || its_missing) {
			const NullableDatum value = missing_value(row);
			set_missing(attributes, row, its_missing, missing_value(its));
			set_missing(attributes, its, has_missing, value);
		}
	}
	table_close(attributes, NoLock);
}

// That an index is of no use for older snapshots: as of the row's own transaction, so later than it was.
void exchange_horizon(Oid one, Oid other) {
	const Relation indexes = table_open(IndexRelationId, RowExclusiveLock);
	const HeapTuple row = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(one));
	const HeapTuple its = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(other));
	const auto index = reinterpret_cast<Form_pg_index>(GETSTRUCT(row));
	const auto its_index = reinterpret_cast<Form_pg_index>(GETSTRUCT(its));
	if (index->indcheckxmin != its_index->indcheckxmin) {
		std::swap(index->indcheckxmin, its_index->indcheckxmin);
		CatalogTupleUpdate(indexes, &row->t_self, row);
		CatalogTupleUpdate(indexes, &its->t_self, its);
	}
	table_close(indexes, NoLock);
}

void rename_toast(Oid toast, const char *name) {
	const Oid index = toast_get_valid_index(toast, NoLock);
	RenameRelationInternal(toast, name, true, false);
	RenameRelationInternal(index, psprintf("%s_index", name), true, true);
	CommandCounterIncrement();
}

// TOAST tables go with the heap, whose rows name them by OID.
void hand_over_toast(Oid toast, Oid from, Oid to) {
	if (OidIsValid(toast) && changeDependencyFor(RelationRelationId, toast, RelationRelationId, from, to) != 1) {
		elog(ERROR, "could not change dependency of TOAST table %u", toast);
	}
	if (OidIsValid(toast)) {
		// As the table itself is: else logical decoding would pass over what is written in it, or the other way round.
		const HeapTuple row = class_row(toast);
		class_form(row)->relrewrite = class_form(class_row(to))->relrewrite;
		update_class(row);
		CommandCounterIncrement();
	}
}

void exchange_toast(Oid one, Oid other) {
	const Oid toast = toast_table_of(other); // as it was before the rows of pg_class were exchanged
	const Oid its = toast_table_of(one);
	hand_over_toast(toast, one, other);
	hand_over_toast(its, other, one);
	CommandCounterIncrement();
	// The server finds them by OID, but pg_upgrade and people by name.
	if (OidIsValid(toast)) {
		rename_toast(toast, psprintf("pg_toast_%u_old", one));
	}
	if (OidIsValid(its)) {
		rename_toast(its, psprintf("pg_toast_%u", one));
	}
	if (OidIsValid(toast)) {
		rename_toast(toast, psprintf("pg_toast_%u", other));
	}
}

bool has_statistics(Oid relation) {
	const int columns = class_form(class_row(relation))->relnatts;
	bool has = false;
	for (AttrNumber number = 1; !has && number <= columns; ++number) {
		has = SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(number),
		                            BoolGetDatum(false));
	}
	return has;
}

// Statistics are of the rows.  If the other has none it is about to get these rows; if it has some, to be dropped.
void hand_over_statistics(Oid one, Oid other) {
	if (has_statistics(other)) {
		RemoveStatistics(one, 0);
		CommandCounterIncrement();
		CopyStatistics(other, one);
	} else if (has_statistics(one)) {
		RemoveStatistics(other, 0);
		CommandCounterIncrement();
		CopyStatistics(one, other);
	}
}

void exchange_index(Oid one, Oid other) {
	exchange_age(one, other);
	exchange_class(one, other);
	exchange_horizon(one, other);
	CommandCounterIncrement();
	InvokeObjectPostAlterHookArg(RelationRelationId, one, 0, InvalidOid, true);
	InvokeObjectPostAlterHookArg(RelationRelationId, other, 0, InvalidOid, true);
}

// Whoever has read pages or rows has read the table as a whole, for their places are others from now on.
void prepare_exchange(Oid one) {
	const Relation table = table_open(one, NoLock);
	CheckTableNotInUse(table, "exchange the storage of");
	TransferPredicateLocksToHeapRelation(table);
	table_close(table, NoLock);
}

void exchange_heap(Oid one, Oid other) {
	prepare_exchange(one);
	prepare_exchange(other);
	exchange_age(one, other);
	exchange_class(one, other);
	exchange_missing(one, other);
	CommandCounterIncrement();
	exchange_toast(one, other);
	InvokeObjectPostAlterHookArg(RelationRelationId, one, 0, InvalidOid, true);
	InvokeObjectPostAlterHookArg(RelationRelationId, other, 0, InvalidOid, true);
}

/// Marks it and what the server has made of it for partitions.
void trust(Oid constraint) {
	const Relation constraints = table_open(ConstraintRelationId, RowExclusiveLock);
	const HeapTuple row = SearchSysCacheCopy1(CONSTROID, ObjectIdGetDatum(constraint));
	if (!HeapTupleIsValid(row)) {
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	}
	const auto form = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(row));
	form->convalidated = true;
	CatalogTupleUpdate(constraints, &row->t_self, row);
	InvokeObjectPostAlterHook(ConstraintRelationId, constraint, 0);
	CacheInvalidateRelcacheByRelid(form->conrelid);
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_constraint_conparentid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(constraint));
	const SysScanDesc scan = systable_beginscan(constraints, ConstraintParentIndexId, true, nullptr, 1, &key);
	for (HeapTuple child = systable_getnext(scan); HeapTupleIsValid(child); child = systable_getnext(scan)) {
		trust(reinterpret_cast<Form_pg_constraint>(GETSTRUCT(child))->oid);
	}
	systable_endscan(scan);
	table_close(constraints, NoLock);
}

// From here on it is C++ code.

void check_indexes(const std::vector<std::pair<Oid, Oid>> &indexes) {
	std::string ones = "{";
	std::string others = "{";
	for (const auto &[one, other] : indexes) {
		ones += format("%s%u", ones.size() > 1 ? "," : "", one);
		others += format("%s%u", others.size() > 1 ? "," : "", other);
	}
	const AsExtension scope;
	Spi spi;
	const auto unlike = spi.query_latest<std::string_view, std::string_view>(unlike_query, ones + "}", others + "}");
	if (!unlike.empty()) {
		const auto &[one, other] = unlike.front();
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("indexes %s and %s are not alike", std::string(one).c_str(), std::string(other).c_str()));
	}
}

} // namespace

void lock_with_toast(Oid table) {
	const PinnedSettings settings;
	lock_now(table, AccessExclusiveLock);
	const Oid toast = call(toast_table_of, table);
	if (OidIsValid(toast)) {
		lock_now(toast, AccessExclusiveLock);
	}
}

void exchange_storage(Oid one, Oid other, const std::vector<std::pair<Oid, Oid>> &indexes) {
	lock_with_toast(one);
	lock_with_toast(other);
	if (!call(are_alike, one, other)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("tables %s and %s do not store rows alike", qualified_name(one).c_str(),
		                   qualified_name(other).c_str()))
			.with_hint("A column, the access method or the persistence of one of them was changed.");
	}
	check_indexes(indexes);
	call([&] {
		exchange_heap(one, other);
		hand_over_statistics(one, other);
		for (const auto &[index, its] : indexes) {
			exchange_index(index, its);
			hand_over_statistics(index, its);
		}
		CommandCounterIncrement();
	});
}

void exchange_storage(const Job &job, const Side &side) {
	exchange_storage(side.stands_for, side.relation, index_pairs(job, side));
}

std::vector<std::pair<Oid, Oid>> index_pairs(const Job &job, const Side &side) {
	std::vector<std::pair<Oid, Oid>> pairs;
	for (const SideIndex &index : read_indexes(job.id)) {
		if (index.side == side.number && OidIsValid(index.target_index) && OidIsValid(index.index)) {
			pairs.emplace_back(index.target_index, index.index);
		}
	}
	return pairs;
}

void trust_constraint(Oid constraint) {
	call([&] {
		trust(constraint);
		CommandCounterIncrement();
	});
}

} // namespace warden::move
