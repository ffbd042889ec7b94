// heap_order.hpp - In which order a rewrite writes tuples.
//
// All of this is server code.  It is the order in which they are, but for versions that somebody may see still: each
// comes after its successor, to which it has to point.  Where lengths differ, the order of tuples decides how well they
// fill their pages.
#pragma once

#include "bloat/heap_page.hpp"

extern "C" {
#include "utils/hsearch.h"
}

namespace warden::bloat {

struct HeapOrder {
	TransactionId horizon;
	HeapPacking *packing;
	HTAB *held;    ///< versions whose successor was not seen yet, by where that is
	HTAB *written; ///< successors that were seen before them
};

/// What it takes lasts as long as the current memory context.
HeapOrder begin_order(TransactionId horizon, HeapPacking &packing);

/// All tuples of a page that are kept, after those of the pages before it.
void add_in_order(HeapOrder &order, Page page, BlockNumber block, const HeapPage &found);

/// What was held back and has no successor.
void finish_order(HeapOrder &order);

} // namespace warden::bloat
