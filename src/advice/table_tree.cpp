#include "advice/table_tree.hpp"

#include "pg/column_map.hpp"
#include "pg/oid_list.hpp"
#include "pg/scoped.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// Server code.
char *mapped(const char *node_tree, const AttrMap *map) {
	bool has_whole_row = false;
	Node *const node = static_cast<Node *>(stringToNode(node_tree));
	return nodeToString(map_variable_attnos(node, 1, 0, map, InvalidOid, &has_whole_row));
}

} // namespace

std::vector<Oid> leaves_of(Oid table) {
	if (call(get_rel_relkind, table) != RELKIND_PARTITIONED_TABLE) {
		return {table};
	}
	std::vector<Oid> leaves = oids_in(call(find_all_inheritors, table, AccessShareLock, nullptr));
	std::erase_if(leaves, [](Oid id) { return call(get_rel_relkind, id) != RELKIND_RELATION; });
	return leaves;
}

IndexShape shape_in(const IndexShape &shape, Oid partition_id) {
	if (shape.table == partition_id) {
		return shape;
	}
	const ScratchMemory memory;
	const OpenRelation parent(shape.table, AccessShareLock);
	const OpenRelation partition(partition_id, AccessShareLock);
	const AttrMap *const map =
		call([&] { return map_columns_by_name(RelationGetDescr(partition.get()), RelationGetDescr(parent.get())); });
	const auto to = [&](std::int16_t column) { return column > 0 ? map->attnums[column - 1] : column; };
	const auto of_text = [&](const std::string &text) {
		return text.empty() ? text : without_places(call([&] { return mapped(text.c_str(), map); }));
	};
	IndexShape result = shape;
	result.table = partition_id;
	for (IndexKey &key : result.keys) {
		key.column = to(key.column);
		key.expression = of_text(key.expression);
	}
	std::ranges::transform(result.included, result.included.begin(), to);
	std::ranges::transform(result.columns, result.columns.begin(), to);
	std::ranges::sort(result.columns);
	result.predicate = of_text(shape.predicate);
	return result;
}

} // namespace warden::advice
