// wish_reader.hpp - What the planner knows of each relation of a statement, as wishes.
//
// The invariant: wishes are of a whole table.  Of a partitioned one they are read once, where the planner has it as one
// relation, and are of the topmost table, whichever partition the statement names; children by inheritance are tables
// of their own.
#pragma once

#include "advice/wishes.hpp"

#include "pg/server.hpp"

extern "C" {
#include "nodes/pathnodes.h"
}

namespace warden::advice {

struct Observed {
	ObjectId relation = 0; ///< the statement's own
	RelationWishes wishes = {};
	std::vector<std::string> silence = {}; ///< why there are not more
};

struct ObservedStatement {
	const char *text = nullptr; ///< of the statement
	bool has_parameters = false;
	std::vector<Observed> relations = {};
};

/// For WhatIf::observe(), with an ObservedStatement as its context.
void observe_wishes(void *observation, PlannerInfo *root, RelOptInfo *relation, RangeTblEntry *entry);

} // namespace warden::advice
