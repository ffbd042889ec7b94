// used_indexes.hpp - Which indexes a plan reads.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace warden::advice {

/// Server code: object ids of all indexes that the plan reads, subplans included, hypothetical ones as hypothetical.hpp
/// calls them.  In the current memory context.
List *used_indexes(const PlannedStmt *plan);

} // namespace warden::advice
