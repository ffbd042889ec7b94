#include "advice/wish_reader.hpp"

#include "advice/candidates.hpp"
#include "advice/clause_wishes.hpp"
#include "advice/operator_classes.hpp"

#include "pg/planner_nodes.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr double visible_enough = 0.2; // of the pages, for index-only scans to be thought of

// The following is server code, to where C++ is said.

/// What the catalog says of a table: of a partitioned one its largest partition, and the pages of all.
struct TableFacts {
	Oid witness;
	double pages;
	double row_width;
	double visible; ///< of the pages
	bool is_analyzed;
};

bool has_statistics(Oid table, int columns) {
	for (int column = 1; column <= columns; ++column) {
		if (SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(table), Int16GetDatum(column), BoolGetDatum(false))) {
			return true;
		}
	}
	return false;
}

TableFacts facts_of(Oid table) {
	List *const all = get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE ? find_all_inheritors(table, NoLock, nullptr)
	                                                                      : list_make1_oid(table);
	TableFacts facts{.witness = table, .pages = 0, .row_width = 0, .visible = 0, .is_analyzed = false};
	int largest = -1;
	ListCell *cell = nullptr;
	foreach (cell, all) {
		const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
		if (!HeapTupleIsValid(tuple)) {
			continue;
		}
		const auto *const form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
		const bool has_rows = form->relkind == RELKIND_RELATION || form->relkind == RELKIND_MATVIEW;
		if (has_rows && form->relpages > largest) {
			largest = form->relpages;
			facts.witness = lfirst_oid(cell);
			facts.row_width = form->reltuples > 0 ? static_cast<double>(form->relpages) * BLCKSZ / form->reltuples : 0;
			facts.visible = static_cast<double>(form->relallvisible) / std::max(form->relpages, 1);
			facts.is_analyzed = has_statistics(facts.witness, form->relnatts);
		}
		facts.pages += has_rows ? form->relpages : 0;
		ReleaseSysCache(tuple);
	}
	return facts;
}

const AttrMap *map_columns(Oid relation_id, Oid table) {
	const Relation relation = table_open(relation_id, NoLock);
	const TupleDesc columns = RelationGetDescr(relation);
	AttrMap *const map = make_attrmap(columns->natts);
	for (int i = 0; i < columns->natts; ++i) {
		const FormData_pg_attribute *const column = TupleDescAttr(columns, i);
		if (!column->attisdropped) {
			map->attnums[i] = get_attnum(table, NameStr(column->attname));
		}
	}
	table_close(relation, NoLock);
	return map;
}

Oid topmost(Oid relation) {
	const List *const above = get_rel_relispartition(relation) ? get_partition_ancestors(relation) : NIL;
	return above == NIL ? relation : llast_oid(above); // none above what is being detached concurrently
}

AppendRelInfo *parent_of(const PlannerInfo *root, Index relation) {
	return root->append_rel_array != nullptr ? root->append_rel_array[relation] : nullptr;
}

/// Whether wishes are read where the planner has all of the partitions, or the children, as one.
bool is_read_elsewhere(const PlannerInfo *root, const RelOptInfo *relation, const RangeTblEntry *entry) {
	if (const AppendRelInfo *const child = parent_of(root, relation->relid)) {
		const RangeTblEntry *const parent = root->simple_rte_array[child->parent_relid];
		if (parent->rtekind == RTE_RELATION && parent->relkind == RELKIND_PARTITIONED_TABLE) {
			return true;
		}
	}
	return entry->inh && entry->relkind != RELKIND_PARTITIONED_TABLE;
}

const char *obstacle_of_table(const RangeTblEntry *entry) {
	if (entry->relkind == RELKIND_FOREIGN_TABLE) {
		return "it is a foreign table: where its rows are, indexes are made there";
	}
	if (entry->relid < FirstNormalObjectId) {
		return "it is a system catalog";
	}
	if (get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP) {
		return "it is a temporary table";
	}
	if (OidIsValid(getExtensionOfObject(RelationRelationId, entry->relid))) {
		return "it belongs to an extension";
	}
	return nullptr;
}

const char *obstacle_in_facts(const TableFacts &facts, double pages) {
	if (facts.pages < smallest_table && pages >= smallest_table && !facts.is_analyzed) {
		return never_analyzed;
	}
	if (facts.pages < smallest_table) {
		return "it has fewer than 1000 pages, as far as the server knows: it is read fast without an index";
	}
	return facts.is_analyzed ? nullptr : never_analyzed;
}

/// An expression of the ancestor that the relation stands for in its query, as the relation's own; nullptr: it is of
/// another relation.
Node *as_own(const Place &place, Node *expression, Relids relations) {
	if (bms_equal(relations, place.relation->relids)) {
		return expression;
	}
	List *generations = NIL;
	Index ancestor = place.relation->relid;
	while (AppendRelInfo *const child = parent_of(place.root, ancestor)) {
		generations = lcons(child, generations);
		ancestor = child->parent_relid;
	}
	if (generations == NIL || bms_membership(relations) != BMS_SINGLETON ||
	    !bms_is_member(static_cast<int>(ancestor), relations)) {
		return nullptr;
	}
	ListCell *cell = nullptr;
	foreach (cell, generations) {
		auto *generation = static_cast<AppendRelInfo *>(lfirst(cell));
		expression = adjust_appendrel_attrs(place.root, expression, 1, &generation);
	}
	return expression;
}

/// A member of the class that is made of the relation alone.
Node *own_member(const Place &place, const EquivalenceClass *equals) {
	ListCell *cell = nullptr;
	foreach (cell, equals->ec_members) {
		const auto *const member = lfirst_node(EquivalenceMember, cell);
		if (member->em_is_const || member->em_is_child) {
			continue;
		}
		Node *const expression = as_own(place, reinterpret_cast<Node *>(member->em_expr), member->em_relids);
		if (expression != nullptr && own_expression(place, expression) != nullptr) {
			return expression;
		}
	}
	return nullptr;
}

void read_joins(const Place &place, PlainWishes &found) {
	ListCell *cell = nullptr;
	foreach (cell, place.root->eq_classes) {
		const auto *const equals = lfirst_node(EquivalenceClass, cell);
		if (equals->ec_has_const || equals->ec_has_volatile || bms_membership(equals->ec_relids) != BMS_MULTIPLE) {
			continue;
		}
		if (Node *const member = own_member(place, equals)) {
			PlainKey *const key = make_sort_key(place, member, equals->ec_opfamilies, equals->ec_collation);
			if (key != nullptr) {
				add_join(place, key, own_expression(place, member),
				         bms_difference(equals->ec_relids, place.relation->relids), found);
			}
		}
	}
}

/// Rows by their distance to something.
PlainKey *read_distance(const Place &place, Node *expression) {
	if (!is_opclause(expression) || list_length(reinterpret_cast<OpExpr *>(expression)->args) != 2) {
		return nullptr;
	}
	const auto *const distance = reinterpret_cast<OpExpr *>(expression);
	Node *const own = own_expression(place, static_cast<Node *>(linitial(distance->args)));
	if (own == nullptr || !IsA(own, Var) || obstacle_of(place, own) != nullptr ||
	    !bms_is_empty(pull_varnos(place.root, static_cast<Node *>(lsecond(distance->args))))) {
		return nullptr;
	}
	const SearchClass found = distance_class(distance->opno, exprType(own));
	return OidIsValid(found.opclass) ? make_key(place, own, found.opclass, distance->inputcollid) : nullptr;
}

/// The keys, from the first on, that the relation alone can give the order of.
List *read_order(const Place &place, const List *path_keys, PlainKey **nearest) {
	List *keys = NIL;
	const ListCell *cell = nullptr;
	foreach (cell, path_keys) {
		const auto *const path_key = lfirst_node(PathKey, cell);
		const EquivalenceClass *equals = path_key->pk_eclass;
		while (equals->ec_merged != nullptr) {
			equals = equals->ec_merged;
		}
		Node *const member = own_member(place, equals);
		PlainKey *const key =
			member != nullptr ? make_sort_key(place, member, equals->ec_opfamilies, equals->ec_collation) : nullptr;
		if (member != nullptr && keys == NIL && *nearest == nullptr) {
			*nearest = read_distance(place, member);
		}
		if (key == nullptr) {
			break;
		}
		key->is_descending = is_descending(path_key);
		key->is_nulls_first = path_key->pk_nulls_first;
		keys = lappend(keys, key);
	}
	return keys;
}

/// The columns that a plan needs of the relation, with (conditions) or without those that only conditions need.
const Bitmapset *needed_columns(const Place &place, bool with_conditions) {
	Bitmapset *columns = nullptr;
	pull_varattnos(reinterpret_cast<Node *>(place.relation->reltarget->exprs), place.relation->relid, &columns);
	ListCell *cell = nullptr;
	foreach (cell, with_conditions ? place.relation->baserestrictinfo : NIL) {
		pull_varattnos(reinterpret_cast<Node *>(lfirst_node(RestrictInfo, cell)->clause), place.relation->relid,
		               &columns);
	}
	return columns;
}

/// One of them as a key.
PlainKey *column_key(const Place &place, AttrNumber column) {
	Oid type = InvalidOid;
	int32 modifier = -1;
	Oid collation = InvalidOid;
	const RangeTblEntry *const entry = place.root->simple_rte_array[place.relation->relid];
	get_atttypetypmodcoll(entry->relid, column, &type, &modifier, &collation);
	Var *const var = makeVar(static_cast<int>(place.relation->relid), column, type, modifier, collation, 0);
	return make_key(place, reinterpret_cast<Node *>(var), GetDefaultOpClass(type, BTREE_AM_OID), collation);
}

/// Which raise no errors.
int count_of(const List *list) {
	return list_length(list);
}

template <class T>
const T *element(const List *list, int i) {
	return static_cast<const T *>(list_nth(list, i));
}

// The rest is C++ code.

template <class F>
void for_each_column(const Bitmapset *columns, F &&use) {
	for (int member = -1; (member = call(bms_next_member, columns, member)) >= 0;) {
		use(static_cast<std::int16_t>(member + FirstLowInvalidHeapAttributeNumber));
	}
}

std::vector<std::int16_t> columns_in(const Bitmapset *set) {
	std::vector<std::int16_t> columns;
	for_each_column(set, [&](std::int16_t column) { columns.push_back(column); });
	return columns;
}

WishKey key_of(const PlainKey &plain) {
	WishKey result{.key = {.column = plain.column,
	                       .opclass = plain.opclass,
	                       .collation = plain.collation,
	                       .is_descending = plain.is_descending,
	                       .is_nulls_first = plain.is_nulls_first},
	               .columns = columns_in(plain.columns),
	               .name = plain.name,
	               .width = plain.width};
	if (plain.expression != nullptr) {
		result.key.expression = without_places(plain.expression);
	}
	if (OidIsValid(plain.opclass)) {
		result.key.family = call(get_opclass_family, plain.opclass);
		result.key.input_type = call(get_opclass_input_type, plain.opclass);
	}
	return result;
}

std::vector<WishKey> keys_of(const List *plain) {
	std::vector<WishKey> keys;
	keys.reserve(static_cast<std::size_t>(count_of(plain)));
	for (int i = 0; i < count_of(plain); ++i) {
		keys.push_back(key_of(*element<PlainKey>(plain, i)));
	}
	return keys;
}

Wish wish_of(const PlainWish &plain) {
	Wish wish{.kind = plain.kind,
	          .keys = keys_of(plain.keys),
	          .keeps_order = plain.keeps_order,
	          .is_guess = plain.is_guess,
	          .selectivity = plain.selectivity};
	if (!wish.keys.empty()) {
		wish.method = call(method_of, wish.keys.front().key.opclass);
	}
	for (int member = -1; (member = call(bms_next_member, plain.partners, member)) >= 0;) {
		wish.partners |= std::uint64_t{1} << (static_cast<unsigned>(member) % 64U);
	}
	if (plain.predicate != nullptr) {
		wish.predicate = without_places(plain.predicate->nodes);
		wish.condition = plain.predicate->text;
		wish.predicate_columns = columns_in(plain.predicate->columns);
	}
	if (plain.block_range != nullptr) {
		wish.block_range = key_of(*plain.block_range);
	}
	return wish;
}

std::vector<Wish> wishes_of(const List *plain) {
	std::vector<Wish> wishes;
	wishes.reserve(static_cast<std::size_t>(count_of(plain)));
	for (int i = 0; i < count_of(plain); ++i) {
		wishes.push_back(wish_of(*element<PlainWish>(plain, i)));
	}
	return wishes;
}

void add_conditions(const Place &place, Observed &observed) {
	PlainWishes found{};
	call([&] {
		read_clauses(place, place.relation->baserestrictinfo, found);
		read_clauses(place, place.relation->joininfo, found);
		read_joins(place, found);
	});
	observed.wishes.wishes = wishes_of(found.wishes);
	observed.wishes.is_judged_late = found.is_judged_late;
	for (int i = 0; i < count_of(found.arms); ++i) {
		observed.wishes.arms.push_back(wishes_of(element<List>(found.arms, i)));
	}
	for (int i = 0; i < count_of(found.silence); ++i) {
		observed.silence.emplace_back(element<char>(found.silence, i));
	}
}

void add_orders(const Place &place, Observed &observed) {
	const PlannerInfo *const root = place.root;
	const bool is_limited = root->parse->limitCount != nullptr || root->limit_tuples > 0;
	PlainKey *nearest = nullptr;
	for (const List *const path_keys : {root->query_pathkeys, root->sort_pathkeys, root->group_pathkeys,
	                                    root->distinct_pathkeys, root->window_pathkeys}) {
		const List *const keys = call([&] { return read_order(place, path_keys, &nearest); });
		if (keys != NIL) {
			observed.wishes.orders.push_back({.keys = keys_of(keys), .is_limited = is_limited});
		}
	}
	if (nearest != nullptr) {
		Wish wish{.kind = WishKind::Search, .keys = {key_of(*nearest)}};
		wish.method = call(method_of, nearest->opclass);
		observed.wishes.wishes.push_back(std::move(wish));
	}
}

void add_needed(const Place &place, const TableFacts &facts, Observed &observed) {
	const Bitmapset *const all = call([&] { return needed_columns(place, true); });
	const Bitmapset *const results = call([&] { return needed_columns(place, false); });
	bool are_columns = true;
	for_each_column(all, [&](std::int16_t column) {
		if (column <= 0) {
			are_columns = false; // of the system, or the whole row
			return;
		}
		const WishKey key = key_of(*call([&] { return column_key(place, column); }));
		observed.wishes.needed.push_back(
			{.column = key.key.column,
		     .width = key.width,
		     .key = key.key.opclass != 0 ? std::optional(key) : std::nullopt,
		     .only_in_condition =
		         !call([&] { return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, results); })});
	});
	std::ranges::sort(observed.wishes.needed,
	                  [](const NeededColumn &left, const NeededColumn &right) { return left.column < right.column; });
	if (!are_columns) {
		observed.wishes.needed.clear();
	}
	observed.wishes.may_be_index_only = are_columns && facts.visible > visible_enough;
	if (are_columns && !observed.wishes.may_be_index_only) {
		observed.silence.emplace_back("index-only scans are not thought of before VACUUM has found its pages to be "
		                              "visible to all");
	}
}

void read_relation(ObservedStatement &observation, PlannerInfo *root, RelOptInfo *relation,
                   const RangeTblEntry *entry) {
	const char *obstacle = call([&] { return obstacle_of_table(entry); });
	Observed observed{.relation = entry->relid};
	const Oid table = call(topmost, entry->relid);
	const TableFacts facts = obstacle == nullptr ? call(facts_of, table) : TableFacts{};
	if (obstacle == nullptr) {
		obstacle = obstacle_in_facts(facts, static_cast<double>(relation->pages));
	}
	if (obstacle != nullptr) {
		observed.silence.emplace_back(obstacle);
		observation.relations.push_back(std::move(observed));
		return;
	}
	const Place place{.root = root,
	                  .relation = relation,
	                  .table = table,
	                  .owner = owner_of(table),
	                  .witness = facts.witness,
	                  .map = table == entry->relid ? nullptr : call(map_columns, entry->relid, table),
	                  .text = observation.text,
	                  .has_parameters = observation.has_parameters,
	                  .pages = facts.pages};
	observed.wishes.table = table;
	observed.wishes.pages = facts.pages;
	observed.wishes.row_width = facts.row_width;
	add_conditions(place, observed);
	add_orders(place, observed);
	add_needed(place, facts, observed);
	observation.relations.push_back(std::move(observed));
}

} // namespace

void observe_wishes(void *observation, PlannerInfo *root, RelOptInfo *relation, RangeTblEntry *entry) {
	if (entry->rtekind != RTE_RELATION || IS_DUMMY_REL(relation) || is_read_elsewhere(root, relation, entry)) {
		return;
	}
	pg::entry([&] { read_relation(*static_cast<ObservedStatement *>(observation), root, relation, entry); });
}

} // namespace warden::advice
