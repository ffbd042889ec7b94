// index_keys.hpp - Expressions of a relation that the planner plans, as keys and predicates of indexes on its table.
//
// Server code: plain structures in the current memory context.  The invariant: a node tree that is made here is the one
// that the server would have of a real index, whatever the relation's place in the statement, and of the columns of the
// topmost table that the relation is a partition of.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/attmap.h"
#include "nodes/pathnodes.h"
}

#include <cstdint>

namespace warden::advice {

/// A relation that the planner plans, and the table that an index for it would be of.
struct Place {
	PlannerInfo *root;
	RelOptInfo *relation;
	Oid table;           ///< the relation, or the topmost that it is a partition of
	Oid owner;           ///< of the table
	Oid witness;         ///< the table whose statistics are looked at: the relation, or a partition
	const AttrMap *map;  ///< the relation's columns to the table's; nullptr: the same
	const char *text;    ///< of the statement
	bool has_parameters; ///< whose values are known: the same statement will come with others
	double pages;
};

struct PlainKey {
	std::int16_t column;
	const char *expression; ///< nullptr: a column
	Oid opclass;
	Oid collation;
	bool is_descending;
	bool is_nulls_first;
	const Bitmapset *columns; ///< as pull_varattnos() numbers them
	const char *name;
	double width;
};

/// The expression without what changes nothing in it, if it is of the relation and of no other; else nullptr.
Node *own_expression(const Place &place, Node *operand);

/// Why an own expression cannot be in an index; "": that is nobody's business; nullptr: it can.
const char *obstacle_of(const Place &place, Node *own);

/// Whether a value depends on a parameter of the statement that is not known.
bool has_unknown_parameter(Node *value);

/// The key of an own expression without obstacles.
PlainKey *make_key(const Place &place, Node *own, Oid opclass, Oid collation);

/// The same for a B-tree that has the order of one of these families; nullptr if there is none.
PlainKey *make_sort_key(const Place &place, Node *operand, const List *families, Oid collation);

/// As a BRIN index would have it; nullptr: the table is too small, or its order is not that of the key.
PlainKey *make_block_range(const Place &place, Node *own, Oid collation);

/// A clause as a part of an index's predicate.
struct PlainPredicate {
	const char *nodes; ///< of a list of it
	const char *text;
	const Bitmapset *columns;
};
PlainPredicate make_predicate(const Place &place, Node *clause);

/// How many different values an own expression has; 0: not known.
double distinct_values(const Place &place, Node *own);

} // namespace warden::advice
