#include "advice/clause_wishes.hpp"

#include "advice/operator_classes.hpp"
#include "advice/pattern_text.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_operator_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
}

namespace warden::advice {

namespace {

constexpr Oid starts_with_operator = 3877; // ^@
constexpr double most_values_of_a_kind = 20;
constexpr double guess_of_range = DEFAULT_INEQ_SEL;
constexpr std::size_t letters_of_a_trigram = 3;

/// A clause, and where what it asks for goes.
struct Reading {
	const Place &place;
	Node *clause;
	double selectivity;
	List *&wishes;
	List *&silence;
};

void be_silent(const Reading &reading, const char *reason) {
	if (reason[0] != '\0') {
		reading.silence = lappend(reading.silence, const_cast<char *>(reason));
	}
}

bool has_obstacle(const Reading &reading, Node *own) {
	const char *const obstacle = obstacle_of(reading.place, own);
	if (obstacle != nullptr) {
		be_silent(reading, obstacle);
	}
	return obstacle != nullptr;
}

const char *name_of(const Reading &reading, Node *own) {
	return make_key(reading.place, own, InvalidOid, InvalidOid)->name;
}

PlainWish *add_wish(const Reading &reading, WishKind kind, PlainKey *key) {
	auto *const wish = static_cast<PlainWish *>(palloc0(sizeof(PlainWish)));
	wish->kind = kind;
	wish->keys = key != nullptr ? list_make1(key) : NIL;
	wish->keeps_order = true;
	wish->selectivity = reading.selectivity;
	reading.wishes = lappend(reading.wishes, wish);
	return wish;
}

void allow_as_predicate(const Reading &reading, PlainWish *wish) {
	auto *const predicate = static_cast<PlainPredicate *>(palloc(sizeof(PlainPredicate)));
	*predicate = make_predicate(reading.place, reading.clause);
	wish->predicate = predicate;
}

Node *without_relabeling(Node *node) {
	while (node != nullptr && IsA(node, RelabelType)) {
		node = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg);
	}
	return node;
}

/// Whether a constant is the statement's own, and not the value that a parameter had this time.
bool is_of_statement(const Place &place, Node *value) {
	value = without_relabeling(value);
	if (!IsA(value, Const) || reinterpret_cast<Const *>(value)->constisnull) {
		return false;
	}
	const int location = reinterpret_cast<Const *>(value)->location;
	if (location < 0 || static_cast<std::size_t>(location) >= strlen(place.text)) {
		return !place.has_parameters;
	}
	return place.text[location] != '$';
}

/// Of a column of a few kinds of rows, one that the statement is about; not a key that it happens to have this time.
bool is_kind_of_row(const Place &place, Node *own, Node *value) {
	const double distinct = distinct_values(place, own);
	return distinct > 0 && distinct <= most_values_of_a_kind && is_of_statement(place, value);
}

/// One side of a comparison that is the relation's own, and the other, which is not.
struct Comparison {
	Node *own; ///< nullptr: it is none
	Node *value;
	Oid op;
	Oid collation;
};

bool is_free_of(const Place &place, Node *value) {
	return !bms_overlap(pull_varnos(place.root, value), place.relation->relids);
}

Comparison compare(const Place &place, const OpExpr *clause) {
	auto *const left = static_cast<Node *>(linitial(clause->args));
	auto *const right = static_cast<Node *>(lsecond(clause->args));
	if (Node *const own = own_expression(place, left); own != nullptr && is_free_of(place, right)) {
		return {own, right, clause->opno, clause->inputcollid};
	}
	if (Node *const own = own_expression(place, right); own != nullptr && is_free_of(place, left)) {
		const Oid commuted = get_commutator(clause->opno);
		return {OidIsValid(commuted) ? own : nullptr, left, commuted, clause->inputcollid};
	}
	return {};
}

bool is_one_of(Oid op, std::initializer_list<Oid> operators) {
	return std::ranges::find(operators, op) != operators.end();
}

bool is_like(Oid op) {
	return is_one_of(op, {OID_TEXT_LIKE_OP, OID_BPCHAR_LIKE_OP, OID_NAME_LIKE_OP});
}

bool is_caseless(Oid op) {
	return is_one_of(op, {OID_TEXT_ICLIKE_OP, OID_BPCHAR_ICLIKE_OP, OID_NAME_ICLIKE_OP, OID_TEXT_ICREGEXEQ_OP,
	                      OID_BPCHAR_ICREGEXEQ_OP, OID_NAME_ICREGEXEQ_OP});
}

bool is_regex(Oid op) {
	return is_one_of(op, {OID_TEXT_REGEXEQ_OP, OID_BPCHAR_REGEXEQ_OP, OID_NAME_REGEXEQ_OP, OID_TEXT_ICREGEXEQ_OP,
	                      OID_BPCHAR_ICREGEXEQ_OP, OID_NAME_ICREGEXEQ_OP});
}

bool is_pattern(Oid op) {
	return is_like(op) || is_caseless(op) || is_regex(op) || op == starts_with_operator;
}

PatternText read_pattern(Oid op, const char *text) {
	if (op == starts_with_operator) {
		return {.prefix = strlen(text), .run = 0};
	}
	PatternText found = is_regex(op) ? read_regex(text) : read_like(text);
	if (is_caseless(op)) {
		found.prefix = 0;
	}
	return found;
}

void read_pattern(const Reading &reading, const Comparison &comparison) {
	const char *const name = name_of(reading, comparison.own);
	Node *const value = without_relabeling(comparison.value);
	if (!IsA(value, Const) || reinterpret_cast<Const *>(value)->constisnull) {
		be_silent(reading, psprintf("the pattern for %s is not known when the statement is planned", name));
		return;
	}
	const PatternText pattern =
		read_pattern(comparison.op, TextDatumGetCString(reinterpret_cast<Const *>(value)->constvalue));
	const Oid type = exprType(comparison.own);
	if (pattern.prefix > 0) {
		const Oid opclass =
			is_bytewise(comparison.collation) ? GetDefaultOpClass(type, BTREE_AM_OID) : pattern_class(type);
		if (OidIsValid(opclass)) {
			add_wish(reading, WishKind::Range, make_key(reading.place, comparison.own, opclass, comparison.collation));
			return;
		}
	}
	const SearchClass trigrams = search_class(comparison.op, type);
	if (!OidIsValid(trigrams.opclass)) {
		be_silent(reading, psprintf("the pattern for %s does not begin with a fixed text: only an index of the "
		                            "extension pg_trgm could find what matches",
		                            name));
	} else if (pattern.run < letters_of_a_trigram) {
		be_silent(reading, psprintf("the pattern for %s has no three letters or digits in a row", name));
	} else {
		add_wish(reading, WishKind::Search,
		         make_key(reading.place, comparison.own, trigrams.opclass, comparison.collation));
	}
}

/// What is served by no index at all; said if there is something to say.
void read_unserved(const Reading &reading, const Comparison &comparison) {
	const Oid negator = get_negator(comparison.op);
	const bool excludes =
		OidIsValid(negator) &&
		(is_pattern(negator) || btree_class(negator, exprType(comparison.own)).strategy == BTEqualStrategyNumber);
	be_silent(reading, psprintf(excludes ? "an index does not find what a condition on %s excludes"
	                                     : "no kind of index has the operator that %s is compared with",
	                            name_of(reading, comparison.own)));
}

void read_search(const Reading &reading, const Comparison &comparison) {
	const Oid type = exprType(comparison.own);
	const SearchClass search = search_class(comparison.op, type);
	if (is_one_of(comparison.op, {OID_INET_SUB_OP, OID_INET_SUBEQ_OP}) &&
	    IsA(without_relabeling(comparison.value), Const)) {
		add_wish(reading, WishKind::Range,
		         make_key(reading.place, comparison.own, GetDefaultOpClass(type, BTREE_AM_OID), InvalidOid));
	}
	if (OidIsValid(search.opclass)) {
		add_wish(reading, WishKind::Search,
		         make_key(reading.place, comparison.own, search.opclass, comparison.collation));
	} else {
		read_unserved(reading, comparison);
	}
}

void read_order(const Reading &reading, const Comparison &comparison, const BtreeClass &btree, Relids partners) {
	PlainKey *const key = make_key(reading.place, comparison.own, btree.opclass, comparison.collation);
	if (btree.strategy != BTEqualStrategyNumber) {
		PlainWish *const wish = add_wish(reading, WishKind::Range, key);
		wish->block_range = make_block_range(reading.place, comparison.own, comparison.collation);
		wish->is_guess = has_unknown_parameter(comparison.value);
		if (wish->is_guess) {
			be_silent(reading, psprintf("how many rows the range of %s keeps depends on a parameter that is not known",
			                            key->name));
		}
		return;
	}
	PlainWish *const wish = add_wish(reading, bms_is_empty(partners) ? WishKind::Equal : WishKind::Join, key);
	wish->partners = partners;
	if (is_kind_of_row(reading.place, comparison.own, comparison.value)) {
		allow_as_predicate(reading, wish);
	}
}

void read_comparison(const Reading &reading, const OpExpr *clause) {
	if (list_length(clause->args) != 2) {
		return;
	}
	const Comparison comparison = compare(reading.place, clause);
	if (comparison.own == nullptr || has_obstacle(reading, comparison.own)) {
		return;
	}
	if (contain_volatile_functions(comparison.value)) {
		be_silent(reading, psprintf("what %s is compared with may be another value for each row",
		                            name_of(reading, comparison.own)));
		return;
	}
	if (is_pattern(comparison.op)) {
		read_pattern(reading, comparison);
		return;
	}
	const BtreeClass btree = btree_class(comparison.op, exprType(comparison.own));
	if (OidIsValid(btree.opclass)) {
		read_order(reading, comparison, btree, pull_varnos(reading.place.root, comparison.value));
	} else {
		read_search(reading, comparison);
	}
}

void read_any(const Reading &reading, const ScalarArrayOpExpr *clause) {
	auto *const left = static_cast<Node *>(linitial(clause->args));
	auto *const array = static_cast<Node *>(lsecond(clause->args));
	if (Node *const column = own_expression(reading.place, array); column != nullptr && clause->useOr) {
		if (!has_obstacle(reading, column)) {
			be_silent(reading, psprintf("value = ANY (%s) can use no index; %s @> ARRAY[value] can",
			                            name_of(reading, column), name_of(reading, column)));
		}
		return;
	}
	Node *const own = own_expression(reading.place, left);
	if (own == nullptr || !is_free_of(reading.place, array) || has_obstacle(reading, own)) {
		return;
	}
	const BtreeClass btree = btree_class(clause->opno, exprType(own));
	if (!clause->useOr) {
		be_silent(reading, psprintf("an index does not find what a condition on %s excludes", name_of(reading, own)));
	} else if (OidIsValid(btree.opclass) && btree.strategy == BTEqualStrategyNumber) {
		const Relids partners = pull_varnos(reading.place.root, array);
		PlainWish *const wish = add_wish(reading, bms_is_empty(partners) ? WishKind::Equal : WishKind::Join,
		                                 make_key(reading.place, own, btree.opclass, clause->inputcollid));
		wish->partners = partners;
		wish->keeps_order = false;
		if (is_kind_of_row(reading.place, own, array)) {
			allow_as_predicate(reading, wish);
		}
	}
}

/// Of (a, b) > (1, 2).
void read_rows(const Reading &reading, const RowCompareExpr *clause) {
	PlainWish wish{.kind = WishKind::Range,
	               .keys = NIL,
	               .keeps_order = true,
	               .is_guess = false,
	               .selectivity = reading.selectivity,
	               .partners = nullptr,
	               .predicate = nullptr,
	               .block_range = nullptr};
	for (int i = 0; i < list_length(clause->largs); ++i) {
		Node *const own = own_expression(reading.place, static_cast<Node *>(list_nth(clause->largs, i)));
		if (own == nullptr || obstacle_of(reading.place, own) != nullptr ||
		    !is_free_of(reading.place, static_cast<Node *>(list_nth(clause->rargs, i)))) {
			break;
		}
		wish.is_guess |= has_unknown_parameter(static_cast<Node *>(list_nth(clause->rargs, i)));
		const BtreeClass btree = btree_class(list_nth_oid(clause->opnos, i), exprType(own));
		if (!OidIsValid(btree.opclass)) {
			break;
		}
		wish.keys =
			lappend(wish.keys, make_key(reading.place, own, btree.opclass, list_nth_oid(clause->inputcollids, i)));
	}
	if (wish.keys != NIL) {
		*add_wish(reading, WishKind::Range, nullptr) = wish;
	}
}

void read_null_test(const Reading &reading, const NullTest *clause) {
	Node *const own = own_expression(reading.place, reinterpret_cast<Node *>(clause->arg));
	if (own == nullptr || clause->argisrow || has_obstacle(reading, own)) {
		return;
	}
	const Oid opclass = GetDefaultOpClass(exprType(own), BTREE_AM_OID);
	PlainWish *const wish =
		clause->nulltesttype == IS_NULL && OidIsValid(opclass)
			? add_wish(reading, WishKind::Equal, make_key(reading.place, own, opclass, exprCollation(own)))
			: add_wish(reading, WishKind::Condition,
	                   OidIsValid(opclass) ? make_key(reading.place, own, opclass, exprCollation(own)) : nullptr);
	allow_as_predicate(reading, wish);
}

/// A boolean column or expression, or its negation.
void read_truth(const Reading &reading, Node *value, bool is_equality) {
	Node *const own = own_expression(reading.place, value);
	if (own == nullptr || has_obstacle(reading, own)) {
		return;
	}
	const Oid opclass = GetDefaultOpClass(BOOLOID, BTREE_AM_OID);
	allow_as_predicate(reading, add_wish(reading, is_equality ? WishKind::Equal : WishKind::Condition,
	                                     make_key(reading.place, own, opclass, InvalidOid)));
}

void read_function(const Reading &reading, FuncExpr *clause) {
	if (clause->funcid != F_STARTS_WITH) {
		read_truth(reading, reinterpret_cast<Node *>(clause), true);
		return;
	}
	Node *const own = own_expression(reading.place, static_cast<Node *>(linitial(clause->args)));
	if (own != nullptr && !has_obstacle(reading, own)) {
		read_pattern(reading,
		             {own, static_cast<Node *>(lsecond(clause->args)), starts_with_operator, clause->inputcollid});
	}
}

void read_distinct(const Reading &reading, const OpExpr *clause) {
	const Comparison comparison = compare(reading.place, clause);
	if (comparison.own != nullptr && !has_obstacle(reading, comparison.own)) {
		be_silent(reading,
		          psprintf("an index does not find what a condition on %s excludes", name_of(reading, comparison.own)));
	}
}

void read_clause(const Reading &reading) {
	Node *const clause = reading.clause;
	switch (nodeTag(clause)) {
	case T_OpExpr:
		read_comparison(reading, reinterpret_cast<OpExpr *>(clause));
		break;
	case T_ScalarArrayOpExpr:
		read_any(reading, reinterpret_cast<ScalarArrayOpExpr *>(clause));
		break;
	case T_RowCompareExpr:
		read_rows(reading, reinterpret_cast<RowCompareExpr *>(clause));
		break;
	case T_NullTest:
		read_null_test(reading, reinterpret_cast<NullTest *>(clause));
		break;
	case T_BooleanTest: {
		const auto *const test = reinterpret_cast<BooleanTest *>(clause);
		read_truth(reading, reinterpret_cast<Node *>(test->arg),
		           test->booltesttype == IS_TRUE || test->booltesttype == IS_FALSE);
		break;
	}
	case T_BoolExpr:
		if (is_notclause(clause)) {
			read_truth(reading, static_cast<Node *>(linitial(reinterpret_cast<BoolExpr *>(clause)->args)), true);
		}
		break;
	case T_Var:
		read_truth(reading, clause, true);
		break;
	case T_FuncExpr:
		read_function(reading, reinterpret_cast<FuncExpr *>(clause));
		break;
	case T_DistinctExpr:
		read_distinct(reading, reinterpret_cast<OpExpr *>(clause));
		break;
	default:
		break;
	}
}

/// The part of the rows that a clause keeps; of one that needs other relations, for one row of theirs.
double selectivity_of(const Place &place, Node *clause, Relids relations) {
	if (bms_is_subset(relations, place.relation->relids)) {
		return clause_selectivity(place.root, clause, 0, JOIN_INNER, nullptr);
	}
	if (!is_opclause(clause) || list_length(reinterpret_cast<OpExpr *>(clause)->args) != 2) {
		return guess_of_range;
	}
	const Comparison comparison = compare(place, reinterpret_cast<OpExpr *>(clause));
	if (comparison.own == nullptr ||
	    btree_class(comparison.op, exprType(comparison.own)).strategy != BTEqualStrategyNumber) {
		return guess_of_range;
	}
	return 1 / std::max(distinct_values(place, comparison.own), 1.0);
}

/// What one arm of an OR asks for: the clauses of an AND, or one.
List *read_arm(const Place &place, Node *arm, List *&silence) {
	List *const parts = is_andclause(arm) ? reinterpret_cast<BoolExpr *>(arm)->args : list_make1(arm);
	List *wishes = NIL;
	ListCell *cell = nullptr;
	foreach (cell, parts) {
		if (!IsA(lfirst(cell), RestrictInfo)) {
			continue; // an OR in an OR
		}
		auto *const info = lfirst_node(RestrictInfo, cell);
		auto *const clause = reinterpret_cast<Node *>(info->clause);
		read_clause({place, clause, selectivity_of(place, clause, info->clause_relids), wishes, silence});
	}
	return wishes;
}

bool can_be_looked_up(List *wishes) {
	ListCell *cell = nullptr;
	foreach (cell, wishes) {
		if (static_cast<PlainWish *>(lfirst(cell))->kind != WishKind::Condition) {
			return true;
		}
	}
	return false;
}

/// An OR is served if each of its arms is.
void read_or(const Place &place, const BoolExpr *clause, PlainWishes &found) {
	List *arms = NIL;
	ListCell *cell = nullptr;
	foreach (cell, clause->args) {
		List *const wishes = read_arm(place, static_cast<Node *>(lfirst(cell)), found.silence);
		if (!can_be_looked_up(wishes)) {
			found.silence = lappend(found.silence, pstrdup("one arm of an OR can use no index of this table, so the "
			                                               "others cannot either"));
			return;
		}
		arms = lappend(arms, wishes);
	}
	found.arms = list_concat(found.arms, arms);
}

} // namespace

void read_clauses(const Place &place, List *clauses, PlainWishes &found) {
	ListCell *cell = nullptr;
	foreach (cell, clauses) {
		auto *const info = lfirst_node(RestrictInfo, cell);
		if (info->pseudoconstant) {
			continue;
		}
		const int before = list_length(found.wishes) + list_length(found.arms);
		if (!restriction_is_securely_promotable(info, place.relation)) {
			found.silence =
				lappend(found.silence, pstrdup("a condition is not checked before those of row security or of a "
			                                   "security barrier, because its operator is not leakproof"));
		} else if (info->orclause != nullptr) {
			read_or(place, reinterpret_cast<BoolExpr *>(info->orclause), found);
		} else {
			auto *const clause = reinterpret_cast<Node *>(info->clause);
			read_clause(
				{place, clause, selectivity_of(place, clause, info->clause_relids), found.wishes, found.silence});
		}
		found.is_judged_late |= list_length(found.wishes) + list_length(found.arms) == before &&
		                        !bms_is_subset(info->clause_relids, place.relation->relids);
	}
}

void add_join(const Place &place, PlainKey *key, Node *own, Relids partners, PlainWishes &found) {
	const Reading reading{place, nullptr, 1 / std::max(distinct_values(place, own), 1.0), found.wishes, found.silence};
	add_wish(reading, WishKind::Join, key)->partners = partners;
}

} // namespace warden::advice
