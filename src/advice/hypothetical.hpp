// hypothetical.hpp - An index that does not exist, in the form in which the planner learns of indexes.
//
// Server code.  The invariant: whatever the planner would find in the description of the index if it were built, it
// finds in this one, but uniqueness: that would let it prove what is not so.  Expressions and predicates are of the
// relation that the planner plans, whatever its place among others, and of the columns of a partition, whatever their
// order.
#pragma once

#include "advice/index_shape.hpp"
#include "advice/known_indexes.hpp"

#include "pg/server.hpp"

extern "C" {
#include "access/amapi.h"
#include "nodes/pathnodes.h"
}

namespace warden::advice {

/// Plain, and in server memory: the planner's hooks read it where errors jump.
struct Hypothetical {
	Oid id;    ///< what plans call it: above any that the server has given out
	Oid table; ///< of a partitioned table: in each of its partitions
	const char *name;
	IndexOptInfo *form; ///< of `table`, as relation 1
	const IndexAmRoutine *method;
	HeapTuple *statistics; ///< of each key, rows of pg_statistic; nullptr where there is none
	double rows;           ///< of all of the table, by its statistics; 0: not known
	double entries;        ///< in all of the table
	double pages;
};

/// Of the index with that number among those that are known.  In the current memory context, for as long as that lives.
const Hypothetical *make_hypothetical(IndexSet::Number number, const KnownIndex &known);

/// Whether plans call a hypothetical index that; and its number.
bool is_hypothetical(Oid id);
IndexSet::Number number_of(Oid id);

/// What the planner is to be told of it for a relation that it plans, which is the index's table or a partition of it.
/// In the current memory context, which is the planner's.  Error 55P03 if the index's table is locked by others.
IndexOptInfo *describe(const Hypothetical *index, RelOptInfo *relation, Oid relation_id);

} // namespace warden::advice
