// hash_pages.hpp - Pages of a hash index, and what the server makes one for.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/hash.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
}

namespace warden::pg {

/// The rows that a build of a hash index prepares for.  Server code.
inline double estimated_rows(Relation table) {
	BlockNumber pages = 0;
	double rows = 0;
	double all_visible = 0;
	estimate_rel_size(table, nullptr, &pages, &rows, &all_visible);
	return rows;
}

/// Whether a build sorts the rows by their buckets, because it makes so many.  Server code.
inline bool sorts_rows(uint32 buckets, Relation index) {
	const int buffers = index->rd_rel->relpersistence == RELPERSISTENCE_TEMP ? NLocBuffer : NBuffers;
	return buckets >= Min(static_cast<Size>(maintenance_work_mem) * 1024 / BLCKSZ, static_cast<Size>(buffers));
}

} // namespace warden::pg
