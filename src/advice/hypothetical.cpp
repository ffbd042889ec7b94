#include "advice/hypothetical.hpp"

#include "pg/column_map.hpp"
#include "pg/index_method.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "access/gist.h"
#include "access/table.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_opfamily_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// The server gives object ids out from below, and would have to come round to these.
constexpr Oid first_id = 0xFFF00000;

template <class T>
T *array_of(std::size_t count) {
	// NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer
	return static_cast<T *>(palloc0(std::max<std::size_t>(count, 1) * sizeof(T)));
}

/// Whether an index-only scan can give the column back.  SP-GiST is not asked: its answer needs the index.
bool can_return(Oid method, const IndexKey &key) {
	if (method == GIST_AM_OID) {
		return OidIsValid(get_opfamily_proc(key.family, key.input_type, key.input_type, GIST_FETCH_PROC)) ||
		       !OidIsValid(get_opfamily_proc(key.family, key.input_type, key.input_type, GIST_COMPRESS_PROC));
	}
	return method == BTREE_AM_OID;
}

void add_key(IndexOptInfo *form, int i, const IndexKey &key, bool is_ordered) {
	form->indexkeys[i] = key.column;
	form->indexcollations[i] = key.collation;
	form->opfamily[i] = key.family;
	form->opcintype[i] = key.input_type;
	form->canreturn[i] = can_return(form->relam, key);
	if (is_ordered) {
		form->reverse_sort[i] = key.is_descending;
		form->nulls_first[i] = key.is_nulls_first;
	}
	if (key.is_expression()) {
		form->indexprs = lappend(form->indexprs, stringToNode(key.expression.c_str()));
	}
}

/// The columns of an index as the planner's target list: those of its table, and its expressions.
List *columns_of(const IndexOptInfo *form, Index relation, TupleDesc table) {
	List *columns = NIL;
	const ListCell *expression = list_head(form->indexprs);
	for (int i = 0; i < form->ncolumns; ++i) {
		Expr *value = nullptr;
		if (const int column = form->indexkeys[i]; column != 0) {
			const FormData_pg_attribute *const attribute = TupleDescAttr(table, column - 1);
			value = reinterpret_cast<Expr *>(makeVar(static_cast<int>(relation), static_cast<AttrNumber>(column),
			                                         attribute->atttypid, attribute->atttypmod, attribute->attcollation,
			                                         0));
		} else {
			value = static_cast<Expr *>(lfirst(expression));
			expression = lnext(form->indexprs, expression);
		}
		columns = lappend(columns, makeTargetEntry(value, static_cast<AttrNumber>(i + 1), nullptr, false));
	}
	return columns;
}

/// Turns a description of the parent's columns into one of the partition's.
void map_columns(IndexOptInfo *form, TupleDesc parent, TupleDesc partition) {
	AttrMap *const map = map_columns_by_name(partition, parent);
	int *const keys = array_of<int>(static_cast<std::size_t>(form->ncolumns));
	for (int i = 0; i < form->ncolumns; ++i) {
		const int key = form->indexkeys[i];
		keys[i] = key > 0 ? map->attnums[key - 1] : key;
	}
	form->indexkeys = keys;
	bool found = false;
	const auto mapped = [&](List *list) {
		return reinterpret_cast<List *>(
			map_variable_attnos(reinterpret_cast<Node *>(list), 1, 0, map, InvalidOid, &found));
	};
	form->indexprs = mapped(form->indexprs);
	form->indpred = mapped(form->indpred);
	free_attrmap(map);
}

void map_to_partition(IndexOptInfo *form, Oid parent_id, Relation partition) {
	// Who queries a partition has a lock on that one only, and may not wait for another.
	if (!ConditionalLockRelationOid(parent_id, AccessShareLock)) {
		ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE),
		        errmsg("could not obtain lock on the partitioned table of \"%s\"", RelationGetRelationName(partition)));
	}
	const Relation parent = table_open(parent_id, NoLock);
	map_columns(form, RelationGetDescr(parent), RelationGetDescr(partition));
	table_close(parent, NoLock);
}

/// Rows of a table and its partitions, as the last VACUUM or ANALYZE found them.
double rows_of(Oid table) {
	double rows = 0;
	ListCell *cell = nullptr;
	foreach (cell, find_all_inheritors(table, NoLock, nullptr)) {
		const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
		if (HeapTupleIsValid(tuple)) {
			const auto *const row = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
			rows += row->relkind == RELKIND_PARTITIONED_TABLE ? 0 : std::max(0.0F, row->reltuples);
			ReleaseSysCache(tuple);
		}
	}
	return rows;
}

/// Its levels above the leaves if it has only some of the pages.
int height_of(const Hypothetical *index, double pages) {
	int height = index->form->tree_height;
	if (pages >= index->pages) {
		return height;
	}
	// Pages of a level for each of the one above it: what makes the whole tree as high as it is, but not below what a
	// page holds of keys that are not wide.
	const double fanout = std::max(200.0, height > 0 ? std::pow(index->pages, 1.0 / height) : 0.0);
	while (height > 0 && pages <= std::pow(fanout, height - 1)) {
		--height;
	}
	return height;
}

HeapTuple *statistics_of(const KnownIndex &known) {
	auto *const statistics = array_of<HeapTuple>(known.shape.keys.size());
	for (std::size_t i = 0; i < std::min(known.shape.keys.size(), known.size.statistics.size()); ++i) {
		if (const std::string &row = known.size.statistics[i]; !row.empty()) {
			auto *const tuple = static_cast<HeapTuple>(palloc0(HEAPTUPLESIZE + row.size()));
			tuple->t_len = static_cast<uint32>(row.size());
			tuple->t_data = reinterpret_cast<HeapTupleHeader>(reinterpret_cast<char *>(tuple) + HEAPTUPLESIZE);
			memcpy(tuple->t_data, row.data(), row.size());
			statistics[i] = tuple;
		}
	}
	return statistics;
}

} // namespace

const Hypothetical *make_hypothetical(IndexSet::Number number, const KnownIndex &known) {
	const IndexShape &shape = known.shape;
	const IndexAmRoutine *const method = GetIndexAmRoutineByAmId(shape.method, false);
	const auto columns = shape.keys.size() + shape.included.size();
	IndexOptInfo *const form = makeNode(IndexOptInfo);
	form->indexoid = first_id + static_cast<Oid>(number);
	form->relam = shape.method;
	form->ncolumns = static_cast<int>(columns);
	form->nkeycolumns = static_cast<int>(shape.keys.size());
	form->indexkeys = array_of<int>(columns);
	form->indexcollations = array_of<Oid>(columns);
	form->opfamily = array_of<Oid>(columns);
	form->opcintype = array_of<Oid>(columns);
	form->canreturn = array_of<bool>(columns);
	form->opclassoptions = array_of<bytea *>(columns);
	if (shape.method == BTREE_AM_OID) {
		form->sortopfamily = form->opfamily;
		form->reverse_sort = array_of<bool>(columns);
		form->nulls_first = array_of<bool>(columns);
	}
	int i = 0;
	for (const IndexKey &key : shape.keys) {
		add_key(form, i++, key, shape.method == BTREE_AM_OID);
	}
	for (const std::int16_t column : shape.included) {
		form->indexkeys[i] = column;
		form->canreturn[i++] = method->amcaninclude;
	}
	if (!shape.predicate.empty()) {
		form->indpred = static_cast<List *>(stringToNode(shape.predicate.c_str()));
	}
	form->tree_height = shape.method == BTREE_AM_OID ? known.size.height : -1;
	form->immediate = true;
	form->hypothetical = true;

	auto *const index = static_cast<Hypothetical *>(palloc(sizeof(Hypothetical)));
	*index = {.id = form->indexoid,
	          .table = shape.table,
	          .name = known.name.empty() ? psprintf("index_%zu", number) : pstrdup(known.name.c_str()),
	          .form = form,
	          .method = method,
	          .statistics = statistics_of(known),
	          .rows = rows_of(shape.table),
	          .entries = known.size.entries,
	          .pages = static_cast<double>(known.size.pages)};
	return index;
}

bool is_hypothetical(Oid id) {
	return id >= first_id;
}

IndexSet::Number number_of(Oid id) {
	return id - first_id;
}

IndexOptInfo *describe(const Hypothetical *index, RelOptInfo *relation, Oid relation_id) {
	IndexOptInfo *const form = makeNode(IndexOptInfo);
	*form = *index->form; // but lists, which are changed below
	form->indexprs = static_cast<List *>(copyObjectImpl(form->indexprs));
	form->indpred = static_cast<List *>(copyObjectImpl(form->indpred));
	const Relation table = table_open(relation_id, NoLock);
	if (relation_id != index->table) {
		map_to_partition(form, index->table, table);
	}
	describe_method(form, index->method, table->rd_tableam);
	if (relation->relid != 1) {
		ChangeVarNodes(reinterpret_cast<Node *>(form->indexprs), 1, static_cast<int>(relation->relid), 0);
		ChangeVarNodes(reinterpret_cast<Node *>(form->indpred), 1, static_cast<int>(relation->relid), 0);
	}
	form->indextlist = columns_of(form, relation->relid, RelationGetDescr(table));
	table_close(table, NoLock);
	form->rel = relation;
	// As many entries as the planner takes the relation to have rows; of a partial index, in the same proportion.
	const double share = form->indpred == NIL || index->rows <= 0 ? 1 : std::min(1.0, index->entries / index->rows);
	form->tuples = form->indpred == NIL ? relation->tuples : clamp_row_est(relation->tuples * share);
	// A partition has its part of the pages.
	const double part = index->rows <= 0 ? 1 : std::min(1.0, relation->tuples / index->rows);
	const double pages = relation_id == index->table ? index->pages : std::ceil(index->pages * part);
	form->pages = static_cast<BlockNumber>(std::max(1.0, pages));
	form->tree_height = form->relam == BTREE_AM_OID ? height_of(index, form->pages) : -1;
	return form;
}

} // namespace warden::advice
