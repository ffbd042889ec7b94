// planner_nodes.hpp - Nodes of the planner, where servers differ.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/stratnum.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
}

namespace warden::pg {

/// expression_tree_walker() for C++.  Server code, as all here.
inline bool walk_expression(Node *node, bool (*walker)(Node *, void *), void *context) {
#if PG_VERSION_NUM < 160000
	return expression_tree_walker(node, reinterpret_cast<bool (*)()>(walker), context);
#else
	return expression_tree_walker(node, walker, context);
#endif
}

inline bool is_descending(const PathKey *key) {
#if PG_VERSION_NUM < 180000
	return key->pk_strategy == BTGreaterStrategyNumber;
#else
	return key->pk_cmptype == COMPARE_GT;
#endif
}

} // namespace warden::pg
