// gin_pages.hpp - Pages of a GIN index.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/gin_private.h"
#include "common/hashfn.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "storage/bufmgr.h"
}

namespace warden::pg {

/// Whether a build would be made by several processes.  Server code.
inline bool builds_in_parallel([[maybe_unused]] Relation table, [[maybe_unused]] Relation index) {
#if PG_VERSION_NUM < 180000
	return false;
#else
	return plan_create_index_workers(RelationGetRelid(table), RelationGetRelid(index)) > 0;
#endif
}

/// The same of an index that is not there yet, as far as its table says: pages enough, and workers.  Server code.
inline bool would_build_in_parallel([[maybe_unused]] Relation table) {
#if PG_VERSION_NUM < 180000
	return false;
#else
	return max_parallel_maintenance_workers > 0 &&
	       RelationGetNumberOfBlocks(table) >= static_cast<BlockNumber>(min_parallel_table_scan_size);
#endif
}

} // namespace warden::pg
