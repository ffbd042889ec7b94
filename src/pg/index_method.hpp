// index_method.hpp - What the planner is told of an access method, where servers differ.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/amapi.h"
#include "access/tableam.h"
#include "nodes/pathnodes.h"
}

namespace warden::pg {

/// Server code.  The fields of an index's description that come from its access method, for a table of that kind; as
/// the server's get_relation_info() fills them in.
inline void describe_method(IndexOptInfo *index, const IndexAmRoutine *method, const TableAmRoutine *table) {
	index->amcanorderbyop = method->amcanorderbyop;
	index->amoptionalkey = method->amoptionalkey;
	index->amsearcharray = method->amsearcharray;
	index->amsearchnulls = method->amsearchnulls;
	index->amcanparallel = method->amcanparallel;
	index->amhasgettuple = method->amgettuple != nullptr;
#if PG_VERSION_NUM < 180000
	index->amhasgetbitmap = method->amgetbitmap != nullptr && table->scan_bitmap_next_block != nullptr;
#else
	index->amhasgetbitmap = method->amgetbitmap != nullptr && table->scan_bitmap_next_tuple != nullptr;
#endif
	index->amcanmarkpos = method->ammarkpos != nullptr && method->amrestrpos != nullptr;
#if PG_VERSION_NUM < 160000
	index->amcostestimate = reinterpret_cast<void (*)()>(method->amcostestimate);
#else
	index->amcostestimate = method->amcostestimate;
#endif
}

/// Whether an update of a column that only BRIN indexes are on needs no new entry in any index.
inline constexpr bool summaries_keep_updates_hot = PG_VERSION_NUM >= 160000;

} // namespace warden::pg
