// tree_walker.hpp - Walking the server's trees, of which older servers do not declare the callback's type.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
}

namespace warden::pg {

using TreeWalker = bool (*)(Node *node, void *context);
using TreeMutator = Node *(*)(Node *node, void *context);

// Server code.

#if PG_VERSION_NUM < 160000
inline bool walk_expression(Node *node, TreeWalker walker, void *context) {
	return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context);
}
inline bool walk_query(Query *query, TreeWalker walker, void *context, int flags) {
	return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context, flags);
}
inline Node *mutate_expression(Node *node, TreeMutator mutator, void *context) {
	return expression_tree_mutator(node, reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(mutator)), context);
}
#else
inline bool walk_expression(Node *node, TreeWalker walker, void *context) {
	return expression_tree_walker_impl(node, walker, context);
}
inline bool walk_query(Query *query, TreeWalker walker, void *context, int flags) {
	return query_tree_walker_impl(query, walker, context, flags);
}
inline Node *mutate_expression(Node *node, TreeMutator mutator, void *context) {
	return expression_tree_mutator_impl(node, mutator, context);
}
#endif

} // namespace warden::pg
