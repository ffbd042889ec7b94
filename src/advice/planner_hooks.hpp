// planner_hooks.hpp - What the planner is made to believe while we have it plan, and what it tells us of its wishes.
//
// Server code.  The invariants: outside of our own calls of the planner the hooks do what was there before them and
// nothing else; whatever was installed before has its turn first.  While we have it plan, the planner can be
// interrupted at each relation and each join.
#pragma once

#include "advice/hypothetical.hpp"

extern "C" {
#include "optimizer/paths.h"
}

namespace warden::advice {

/// Plain.
struct Belief {
	const Hypothetical *const *added; ///< indexes that the planner is told of
	std::size_t added_count;
	const Oid *hidden; ///< indexes that it is not told of, ascending
	std::size_t hidden_count;
	/// Is shown each relation of the query after its paths were made; nullptr: nobody is.  It is server code.
	void (*observe)(void *context, PlannerInfo *root, RelOptInfo *relation, RangeTblEntry *entry);
	void *context;
};

/// Installs the hooks, for _PG_init().
void install_planner_hooks();

/// Makes the planner believe it, or (nullptr) what is true; returns what it believed.  Whoever sets it puts it back,
/// also when an error leaves.
const Belief *believe(const Belief *belief);

} // namespace warden::advice
