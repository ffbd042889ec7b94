// planner_nodes.hpp - Nodes of the planner, where servers differ.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/stratnum.h"
#include "nodes/pathnodes.h"
}

namespace warden::pg {

/// Of a sort by it.  Server code.
inline bool is_descending(const PathKey *key) {
#if PG_VERSION_NUM < 180000
	return key->pk_strategy == BTGreaterStrategyNumber;
#else
	return key->pk_cmptype == COMPARE_GT;
#endif
}

} // namespace warden::pg
