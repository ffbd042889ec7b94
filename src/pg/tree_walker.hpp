// tree_walker.hpp - Walking the trees of statements: server code.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace warden::pg {

/// Visits what is below a node, a whole query among that.
inline bool walk_below(Node *node, bool (*visit)(Node *node, void *context), void *context) {
#if PG_VERSION_NUM < 160000
	// It is declared without its arguments, which is another type in C++.
	const auto walker = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(visit));
#else
	const auto walker = visit;
#endif
	if (IsA(node, Query)) {
		return query_tree_walker(reinterpret_cast<Query *>(node), walker, context, 0);
	}
	return expression_tree_walker(node, walker, context);
}

} // namespace warden::pg
