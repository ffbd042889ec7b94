// column_map.hpp - Which column of a partition is which of its parent's.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/attmap.h"
}

namespace warden::pg {

/// Server code.  By the parent's numbers; every column of the parent is in the partition.
inline AttrMap *map_columns_by_name(TupleDesc partition, TupleDesc parent) {
#if PG_VERSION_NUM < 160000
	return build_attrmap_by_name(partition, parent);
#else
	return build_attrmap_by_name(partition, parent, false);
#endif
}

} // namespace warden::pg
