// advice.hpp - Which indexes to drop and which to build, proven by the planner on the real workload.
//
// Reading order: index_set, index_shape, known_indexes, statement and cost_source (what everything is said in: plain
// logic); hypothetical, planner_hooks, analysis, used_indexes and what_if (the planner, asked); existing_indexes.
#pragma once

#include "pg/procedure.hpp"

namespace warden::advice {

/// Installs the hooks and defines the feature's settings.  Server code, for _PG_init().
void init();

/// The part of CALL maintain(): notes what indexes were used, takes in what was sampled, measures what was built.
void maintain(const pg::Procedure &procedure);

} // namespace warden::advice
