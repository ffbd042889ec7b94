// btree_pages.hpp - Pages of B-trees, as each server tells what has become of them.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/nbtree.h"
}

namespace warden::pg {

/// Whether a page that is deleted can be used again: nobody who is on his way to it is left.  Server code.
inline bool is_recyclable(Page page, [[maybe_unused]] Relation heap) {
#if PG_VERSION_NUM < 160000
	return BTPageIsRecyclable(page);
#else
	return BTPageIsRecyclable(page, heap);
#endif
}

} // namespace warden::pg
