#include "advice/index_keys.hpp"

#include "pg/tree_walker.hpp"

#include <cmath>

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
}

namespace warden::advice {

namespace {

constexpr double smallest_for_block_ranges = 10000; // pages
constexpr double order_of_the_table = 0.9;          // correlation

Node *without_relabeling(Node *node) {
	while (node != nullptr && IsA(node, RelabelType)) {
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	}
	return node;
}

/// Whether a value of it is not made of a row alone.
bool needs_more_than_a_row(Node *node, void *context) {
	if (node == nullptr) {
		return false;
	}
	switch (nodeTag(node)) {
	case T_Param:
	case T_SubPlan:
	case T_AlternativeSubPlan:
	case T_SubLink:
	case T_Aggref:
	case T_GroupingFunc:
	case T_WindowFunc:
	case T_PlaceHolderVar:
		return true;
	default:
		return pg::walk_expression(node, needs_more_than_a_row, context);
	}
}

/// Columns by the names that they have in the table's own description.
bool name_by_table(Node *node, void *context) {
	if (node == nullptr) {
		return false;
	}
	if (IsA(node, Var)) {
		Var *const column = reinterpret_cast<Var *>(node);
		column->varnosyn = static_cast<Index>(column->varno);
		column->varattnosyn = column->varattno;
		return false;
	}
	return pg::walk_expression(node, name_by_table, context);
}

bool depends_on_parameter(Node *node, void *context) {
	if (node == nullptr) {
		return false;
	}
	return IsA(node, Param) ? reinterpret_cast<Param *>(node)->paramkind == PARAM_EXTERN
	                        : pg::walk_expression(node, depends_on_parameter, context);
}

Node *in_table(const Place &place, Node *node) {
	Node *copy = static_cast<Node *>(copyObjectImpl(node));
	const auto relation = static_cast<int>(place.relation->relid);
	if (place.map != nullptr) {
		bool has_whole_row = false;
		copy = map_variable_attnos(copy, relation, 0, place.map, InvalidOid, &has_whole_row);
	}
	if (relation != 1) {
		ChangeVarNodes(copy, relation, 1, 0);
	}
	name_by_table(copy, nullptr);
	fix_opfuncids(copy);
	return copy;
}

char *readable(const Place &place, Node *node) {
	return deparse_expression(node, deparse_context_for(get_rel_name(place.table), place.table), false, false);
}

/// Of a column of the table, in the one whose statistics are looked at.
AttrNumber column_of_witness(const Place &place, AttrNumber column) {
	return place.witness == place.table ? column : get_attnum(place.witness, get_attname(place.table, column, false));
}

double correlation_of(const Place &place, AttrNumber column) {
	const HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(place.witness),
	                                        Int16GetDatum(column_of_witness(place, column)), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple)) {
		return 0;
	}
	double correlation = 0;
	AttStatsSlot slot;
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid, ATTSTATSSLOT_NUMBERS)) {
		correlation = slot.nnumbers > 0 ? slot.numbers[0] : 0;
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return correlation;
}

bool is_function_of_others(Oid function, void *table_owner) {
	if (function < FirstNormalObjectId) {
		return false;
	}
	const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple)) {
		return true;
	}
	const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner != *static_cast<Oid *>(table_owner) && !superuser_arg(owner);
}

/// Whether it would have the table's owner run code of somebody else, who is not trusted by all.
bool runs_code_of_others(Node *node, void *table_owner) {
	if (node == nullptr) {
		return false;
	}
	return IsA(node, CoerceToDomain) || check_functions_in_node(node, is_function_of_others, table_owner) ||
	       pg::walk_expression(node, runs_code_of_others, table_owner);
}

bool is_cast_for_comparison(Node *node) {
	if (IsA(node, FuncExpr)) {
		const auto *const function = reinterpret_cast<FuncExpr *>(node);
		return function->funcformat == COERCE_IMPLICIT_CAST && list_length(function->args) > 0 &&
		       IsA(without_relabeling(static_cast<Node *>(linitial(function->args))), Var);
	}
	return IsA(node, CoerceViaIO) && reinterpret_cast<CoerceViaIO *>(node)->coerceformat == COERCE_IMPLICIT_CAST;
}

} // namespace

Node *own_expression(const Place &place, Node *operand) {
	Node *const node = without_relabeling(operand);
	return bms_equal(pull_varnos(place.root, node), place.relation->relids) ? node : nullptr;
}

const char *obstacle_of(const Place &place, Node *own) {
	if (IsA(own, Var)) {
		const AttrNumber column = reinterpret_cast<Var *>(own)->varattno;
		return column > 0 ? nullptr : column < 0 ? "an index cannot have a system column" : "";
	}
	if (needs_more_than_a_row(own, nullptr)) {
		return "";
	}
	const char *const text = readable(place, in_table(place, own));
	Bitmapset *columns = nullptr;
	pull_varattnos(own, place.relation->relid, &columns);
	if (bms_next_member(columns, -1) + FirstLowInvalidHeapAttributeNumber <= 0) {
		return psprintf("an index cannot have %s: it is of a system column or of the whole row", text);
	}
	if (contain_mutable_functions(own)) {
		return psprintf("an index cannot have %s, which is not immutable", text);
	}
	Oid owner = place.owner;
	if (runs_code_of_others(own, &owner)) {
		return psprintf("an index with %s would run code of others with the rights of the table's owner", text);
	}
	if (is_cast_for_comparison(own)) {
		return psprintf("%s is converted to %s for each row: compare it with a value of its own type", text,
		                format_type_be(exprType(own)));
	}
	return nullptr;
}

bool has_unknown_parameter(Node *value) {
	return depends_on_parameter(value, nullptr);
}

PlainKey *make_key(const Place &place, Node *own, Oid opclass, Oid collation) {
	Node *const node = in_table(place, own);
	auto *const key = static_cast<PlainKey *>(palloc0(sizeof(PlainKey)));
	const Oid natural = exprCollation(node);
	key->opclass = opclass;
	key->collation = OidIsValid(natural) && OidIsValid(collation) ? collation : natural;
	Bitmapset *columns = nullptr;
	pull_varattnos(node, 1, &columns);
	key->columns = columns;
	if (IsA(node, Var)) {
		key->column = reinterpret_cast<Var *>(node)->varattno;
		key->name = quote_identifier(get_attname(place.table, key->column, false));
		key->width = get_attavgwidth(place.witness, column_of_witness(place, key->column));
	} else {
		key->expression = nodeToString(node);
		key->name = readable(place, node);
	}
	if (key->width <= 0) {
		key->width = get_typavgwidth(exprType(node), exprTypmod(node));
	}
	return key;
}

PlainKey *make_sort_key(const Place &place, Node *operand, const List *families, Oid collation) {
	Node *const own = own_expression(place, operand);
	if (own == nullptr || obstacle_of(place, own) != nullptr) {
		return nullptr;
	}
	const Oid opclass = GetDefaultOpClass(exprType(own), BTREE_AM_OID);
	if (!OidIsValid(opclass) || !list_member_oid(families, get_opclass_family(opclass))) {
		return nullptr;
	}
	return make_key(place, own, opclass, collation);
}

PlainKey *make_block_range(const Place &place, Node *own, Oid collation) {
	if (place.pages < smallest_for_block_ranges || !IsA(own, Var)) {
		return nullptr;
	}
	const Oid opclass = GetDefaultOpClass(exprType(own), BRIN_AM_OID);
	if (!OidIsValid(opclass)) {
		return nullptr;
	}
	PlainKey *const key = make_key(place, own, opclass, collation);
	return std::fabs(correlation_of(place, key->column)) > order_of_the_table ? key : nullptr;
}

PlainPredicate make_predicate(const Place &place, Node *clause) {
	Node *const node = in_table(place, clause);
	Bitmapset *columns = nullptr;
	pull_varattnos(node, 1, &columns);
	return {.nodes = nodeToString(list_make1(node)), .text = readable(place, node), .columns = columns};
}

double distinct_values(const Place &place, Node *own) {
	VariableStatData variable;
	examine_variable(place.root, own, 0, &variable);
	bool is_default = false;
	const double distinct = get_variable_numdistinct(&variable, &is_default);
	ReleaseVariableStats(variable);
	return is_default ? 0 : distinct;
}

} // namespace warden::advice
