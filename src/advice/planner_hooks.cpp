#include "advice/planner_hooks.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "commands/explain.h"
#include "optimizer/plancat.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
}

namespace warden::advice {

namespace {

constinit const Belief *belief = nullptr;
constinit get_relation_info_hook_type next_relation_info = nullptr;
constinit set_rel_pathlist_hook_type next_pathlist = nullptr;
constinit set_join_pathlist_hook_type next_join = nullptr;
constinit explain_get_index_name_hook_type next_name = nullptr;
constinit get_index_stats_hook_type next_statistics = nullptr;

bool is_hidden(Oid index) {
	return std::binary_search(belief->hidden, belief->hidden + belief->hidden_count, index);
}

void hide(RelOptInfo *relation) {
	ListCell *cell = nullptr;
	foreach (cell, relation->indexlist) {
		if (is_hidden(lfirst_node(IndexOptInfo, cell)->indexoid)) {
			relation->indexlist = foreach_delete_current(relation->indexlist, cell);
		}
	}
}

void add(RelOptInfo *relation, Oid id) {
	List *const ancestors = get_rel_relispartition(id) ? get_partition_ancestors(id) : NIL;
	for (std::size_t i = 0; i < belief->added_count; ++i) {
		const Hypothetical *const index = belief->added[i];
		if (index->table == id || list_member_oid(ancestors, index->table)) {
			relation->indexlist = lappend(relation->indexlist, describe(index, relation, id));
		}
	}
	list_free(ancestors);
}

void on_relation_info(PlannerInfo *root, Oid id, bool is_parent, RelOptInfo *relation) {
	if (next_relation_info != nullptr) {
		next_relation_info(root, id, is_parent, relation);
	}
	if (belief == nullptr) {
		return;
	}
	CHECK_FOR_INTERRUPTS();
	hide(relation);
	if (!is_parent) { // the rows are in its children
		add(relation, id);
	}
}

void on_pathlist(PlannerInfo *root, RelOptInfo *relation, Index number, RangeTblEntry *entry) {
	if (next_pathlist != nullptr) {
		next_pathlist(root, relation, number, entry);
	}
	if (belief != nullptr && belief->observe != nullptr) {
		belief->observe(belief->context, root, relation, entry);
	}
}

void on_join(PlannerInfo *root, RelOptInfo *join, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
             JoinPathExtraData *extra) {
	if (next_join != nullptr) {
		next_join(root, join, outer, inner, type, extra);
	}
	if (belief != nullptr) {
		CHECK_FOR_INTERRUPTS();
	}
}

const Hypothetical *find_added(Oid index) {
	if (belief == nullptr || !is_hypothetical(index)) {
		return nullptr;
	}
	for (std::size_t i = 0; i < belief->added_count; ++i) {
		if (belief->added[i]->id == index) {
			return belief->added[i];
		}
	}
	return nullptr;
}

const char *on_index_name(Oid index) {
	if (const Hypothetical *const added = find_added(index)) {
		return added->name;
	}
	return next_name != nullptr ? next_name(index) : nullptr;
}

void keep(HeapTuple /*statistics*/) {}

bool on_index_statistics(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *variable) {
	const Hypothetical *const added = find_added(index);
	if (added == nullptr) {
		return next_statistics != nullptr && next_statistics(root, index, column, variable);
	}
	if (column <= added->form->nkeycolumns) {
		variable->statsTuple = added->statistics[column - 1];
		variable->freefunc = keep;
	}
	return true;
}

} // namespace

void install_planner_hooks() {
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = on_relation_info;
	next_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = on_pathlist;
	next_join = set_join_pathlist_hook;
	set_join_pathlist_hook = on_join;
	next_name = explain_get_index_name_hook;
	explain_get_index_name_hook = on_index_name;
	next_statistics = get_index_stats_hook;
	get_index_stats_hook = on_index_statistics;
}

const Belief *believe(const Belief *other) {
	const Belief *const previous = belief;
	belief = other;
	return previous;
}

} // namespace warden::advice
