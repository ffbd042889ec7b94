#include "bloat/page_reader.hpp"

extern "C" {
#include "executor/instrument.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/spccache.h"
#include "utils/wait_event.h"
}

namespace warden::bloat {

namespace {

constexpr int cost_of_hit = 1;
constexpr int cost_of_miss = 2;
constexpr int cost_limit = 200; // as VACUUM's
constexpr int cold_for = 256;

// The latch may be set for another reason, and then it is waited for again.
void rest(PageReader &reader) {
	if (reader.cost < cost_limit || reader.cost_delay_ms <= 0) {
		return;
	}
	reader.cost = 0;
	const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), reader.cost_delay_ms);
	for (;;) {
		const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		if (left <= 0) {
			return;
		}
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void unpin(PageReader &reader) {
	if (BufferIsValid(reader.pinned)) {
		ReleaseBuffer(reader.pinned);
		reader.pinned = InvalidBuffer;
	}
}

void copy_all(char *copy, Page page) {
	memcpy(copy, page, BLCKSZ);
}

// The bodies of tuples need not come from memory.  From so many tuples on, all is the same.
void copy_heads(char *copy, Page page) {
	constexpr OffsetNumber few = 40;
	const OffsetNumber items = PageIsNew(page) ? few : PageGetMaxOffsetNumber(page);
	if (items >= few) {
		copy_all(copy, page);
		return;
	}
	memcpy(copy, page, SizeOfPageHeaderData + items * sizeof(ItemIdData));
	for (OffsetNumber i = FirstOffsetNumber; i <= items; ++i) {
		const ItemId item = PageGetItemId(page, i);
		const Size offset = ItemIdGetOffset(item);
		if (ItemIdIsNormal(item) && offset + SizeofHeapTupleHeader <= BLCKSZ) {
			memcpy(copy + offset, page + offset, SizeofHeapTupleHeader);
		}
	}
}

// To the server this number means a new page at the end of the file.
void refuse_new_page(const PageReader &reader, BlockNumber block) {
	if (block == P_NEW) {
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a page of \"%s\" refers to one that cannot be",
		                                                        RelationGetRelationName(reader.relation))));
	}
}

void read(PageReader &reader, BlockNumber block, void (*copy)(char *, Page)) {
	refuse_new_page(reader, block);
	unpin(reader);
	CHECK_FOR_INTERRUPTS();
	rest(reader);
	const int64 misses = pgBufferUsage.shared_blks_read;
	reader.pinned = ReadBufferExtended(reader.relation, MAIN_FORKNUM, block, RBM_NORMAL, reader.ring);
	const bool missed = pgBufferUsage.shared_blks_read > misses;
	reader.cost += missed ? cost_of_miss : cost_of_hit;
	reader.cold = missed ? cold_for : Max(reader.cold - 1, 0);
	LockBuffer(reader.pinned, BUFFER_LOCK_SHARE);
	copy(reader.copy, BufferGetPage(reader.pinned));
	LockBuffer(reader.pinned, BUFFER_LOCK_UNLOCK);
	++reader.pages_read;
}

void look_ahead(PageReader &reader, BlockNumber block) {
	const auto ahead = reader.cold > 0 ? static_cast<BlockNumber>(prefetch_distance(reader)) : 0;
	for (reader.prefetched = Max(reader.prefetched, block + 1);
	     reader.prefetched < reader.blocks && reader.prefetched <= block + ahead; ++reader.prefetched) {
		prefetch_page(reader, reader.prefetched);
	}
}

} // namespace

PageReader begin_reading(Relation relation, int cost_delay_ms) {
	PageReader reader{};
	reader.relation = relation;
	reader.blocks = RelationGetNumberOfBlocks(relation);
	reader.ring = GetAccessStrategy(BAS_BULKREAD);
	reader.pinned = InvalidBuffer;
	reader.copy = static_cast<char *>(palloc(BLCKSZ));
	reader.cost_delay_ms = cost_delay_ms;
	return reader;
}

Page read_page(PageReader &reader, BlockNumber block) {
	read(reader, block, copy_all);
	return reader.copy;
}

Page read_next_page(PageReader &reader, BlockNumber block) {
	look_ahead(reader, block);
	read(reader, block, copy_all);
	return reader.copy;
}

Page read_next_heads(PageReader &reader, BlockNumber block) {
	look_ahead(reader, block);
	read(reader, block, copy_heads);
	return reader.copy;
}

Page bodies_of(const PageReader &reader) {
	return BufferGetPage(reader.pinned);
}

void prefetch_page(const PageReader &reader, BlockNumber block) {
	refuse_new_page(reader, block);
	PrefetchBuffer(reader.relation, MAIN_FORKNUM, block);
}

int prefetch_distance(const PageReader &reader) {
	return get_tablespace_maintenance_io_concurrency(reader.relation->rd_rel->reltablespace);
}

void end_reading(PageReader &reader) {
	unpin(reader);
	FreeAccessStrategy(reader.ring);
	pfree(reader.copy);
}

} // namespace warden::bloat
