// heap_scan.hpp - All pages of a heap, one after the other, or by several processes.
//
// Server code.  The invariant: each page is counted once, against one horizon.
#pragma once

#include "bloat/heap_page.hpp"

extern "C" {
#include "storage/block.h"
}

namespace warden::bloat {

struct HeapTotals {
	Account account;
	std::int64_t pages_read;
	std::int64_t filled;   ///< rows that lack the default of a column
	BlockNumber blocks;    ///< of the file
	BlockNumber with_rows; ///< pages until the last one with a row that is kept
	double packed;         ///< pages after a rewrite; whole ones unless several processes have read
	double moved;          ///< pages of its TOAST table after a rewrite
};

/// cost_delay_ms: as in Effort; who is to be gentle is not helped by other processes.
HeapTotals scan_heap(Relation relation, int cost_delay_ms);

} // namespace warden::bloat
