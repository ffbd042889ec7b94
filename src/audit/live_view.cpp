#include "audit/live_view.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

const RangeTblRef *source_of(const Query *query) {
	const List *const from = query->jointree->fromlist;
	if (list_length(from) != 1 || query->setOperations != nullptr || query->groupClause != NIL ||
	    query->distinctClause != NIL || query->hasAggs || !IsA(linitial(from), RangeTblRef)) {
		return nullptr;
	}
	return linitial_node(RangeTblRef, from);
}

int shown_number(const TargetEntry *entry, int source) {
	const auto *const column = IsA(entry->expr, Var) ? reinterpret_cast<const Var *>(entry->expr) : nullptr;
	return column != nullptr && !entry->resjunk && column->varno == source && column->varlevelsup == 0
	           ? column->varattno
	           : 0;
}

// The number in the table of the view's column with a number, or the other way round.
int translate(Relation view, int number, bool is_of_view) {
	const Query *const query = get_view_query(view);
	const RangeTblRef *const source = source_of(query);
	ListCell *cell = nullptr;
	foreach (cell, source == nullptr ? NIL : query->targetList) {
		const auto *const entry = lfirst_node(TargetEntry, cell);
		const int shown = shown_number(entry, source->rtindex);
		if (shown > 0 && number == (is_of_view ? entry->resno : shown)) {
			return is_of_view ? shown : entry->resno;
		}
	}
	return 0;
}

} // namespace

Oid table_of_view(Relation view) {
	const Query *const query = get_view_query(view);
	const RangeTblRef *const source = source_of(query);
	const RangeTblEntry *const entry = source == nullptr ? nullptr : rt_fetch(source->rtindex, query->rtable);
	return entry != nullptr && entry->rtekind == RTE_RELATION ? entry->relid : InvalidOid;
}

int column_showing(Relation view, int number) {
	return translate(view, number, false);
}

int column_shown(Relation view, const char *name) {
	const TupleDesc columns = RelationGetDescr(view);
	for (int i = 0; i < columns->natts; ++i) {
		const Form_pg_attribute column = TupleDescAttr(columns, i);
		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0) {
			return translate(view, column->attnum, true);
		}
	}
	return 0;
}

} // namespace warden::audit
