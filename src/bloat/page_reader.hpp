// page_reader.hpp - Pages of a relation, read so that nobody notices.
//
// All of this is server code.  The invariants: a page is copied under a share lock and looked at afterwards, so that no
// hint bit is set and nobody waits; what is not in memory goes through a small ring and throws nothing else out of it;
// and between two pages it can be cancelled, and rests as long as it was told to.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
}

namespace warden::bloat {

struct PageReader {
	Relation relation;
	BlockNumber blocks; ///< when it began
	BufferAccessStrategy ring;
	Buffer
		pinned; ///< the page that was read last: what is on it is neither frozen nor removed until the next one is read
	char *copy;
	BlockNumber prefetched; ///< of a sequential reading: all before it were asked for
	int cold;               ///< the same: for so many pages more it is worth to ask, since one was not in memory
	int cost_delay_ms;
	int cost;
	int64 pages_read;
};

/// The relation is open and locked, and stays so.  What it takes lasts as long as the current memory context.
PageReader begin_reading(Relation relation, int cost_delay_ms);

/// A copy of a page, which lasts until the next one is read.
Page read_page(PageReader &reader, BlockNumber block);

/// The same for who reads all pages in their order.  Pages that are in memory are not asked for ahead: to look for one
/// costs as much as to find it.
Page read_next_page(PageReader &reader, BlockNumber block);

/// The same of a heap, for who looks no further than at the heads of tuples.  The rest of them stays as it is while the
/// page is pinned, and is read where it is, as the server does in its scans: bodies_of().
Page read_next_heads(PageReader &reader, BlockNumber block);

/// The page itself, of whose last copy only heads may be there.
Page bodies_of(const PageReader &reader);

/// Asks for a page that will be read, if it is worth it.
void prefetch_page(const PageReader &reader, BlockNumber block);

/// How many pages to be ahead with that; 0: not at all.
int prefetch_distance(const PageReader &reader);

void end_reading(PageReader &reader);

} // namespace warden::bloat
