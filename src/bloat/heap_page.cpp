#include "bloat/heap_page.hpp"

extern "C" {
#include "storage/procarray.h"
}

namespace warden::bloat {

static_assert(page::size == BLCKSZ && page::header == SizeOfPageHeaderData &&
                  page::line_pointer == sizeof(ItemIdData) && page::most_tuples == MaxHeapTuplesPerPage,
              "the packing is that of this server");

namespace {

[[noreturn]] void report_corruption(const HeapExaminer &examiner, BlockNumber block, OffsetNumber item) {
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
	                errmsg("page %u of \"%s\" is not a page of a heap", block,
	                       RelationGetRelationName(examiner.reform.relation)),
	                errdetail("Its item %d is outside of the page, or overlaps others.", static_cast<int>(item))));
}

struct Tuple {
	HeapTupleHeader head;
	HeapTupleHeader whole;
	std::uint32_t length;
	OffsetNumber item;
};

/// Adds a tuple to what was found; returns what it takes on the page.
std::uint32_t add(HeapExaminer &examiner, const Tuple &tuple, HeapPage &found) {
	const std::uint32_t aligned = align(tuple.length);
	const Fate fate = examiner.fates.of(tuple.head);
	switch (fate) {
	case Fate::Dead:
		++found.dead;
		found.account.vacuum_frees += aligned + page::line_pointer;
		return aligned;
	case Fate::Blocked:
		++found.blocked;
		found.account.blocked += aligned + page::line_pointer;
		break;
	case Fate::Kept:
		found.account.live += tuple.length;
		found.account.overhead += aligned - tuple.length + page::line_pointer;
		break;
	}
	ItemPointerSetOffsetNumber(&examiner.reform.row, tuple.item);
	if (found.kept == 0) {
		notice_unpacked(examiner.reform, tuple.whole, tuple.length);
	}
	const bool is_blocked = fate == Fate::Blocked;
	found.recent += is_blocked || is_recent_version(tuple.head, examiner.fates.horizon()) ? 1 : 0;
	found.lengths[found.kept] = length_after_rewrite(examiner.reform, tuple.head, tuple.whole, tuple.length);
	found.items[found.kept] = tuple.item;
	found.is_blocked[found.kept++] = is_blocked;
	return aligned;
}

void reset(HeapPage &found) {
	found.account = {};
	found.kept = 0;
	found.dead = 0;
	found.blocked = 0;
	found.recent = 0;
}

} // namespace

TransactionId horizon_of(Relation relation) {
	return GetOldestNonRemovableTransactionId(relation);
}

HeapExaminer begin_examining(Relation relation, TransactionId horizon) {
	return {.reserve = static_cast<std::uint32_t>(RelationGetTargetPageFreeSpace(relation, HEAP_DEFAULT_FILLFACTOR)),
	        .fates = Fates(horizon),
	        .reform = begin_reforming(relation, horizon)};
}

void examine(HeapExaminer &examiner, Page page, BlockNumber block, HeapPage &found) {
	examine_heads(examiner, page, page, block, found);
}

void examine_heads(HeapExaminer &examiner, Page page, Page bodies, BlockNumber block, HeapPage &found) {
	reset(found);
	if (PageIsNew(page) || PageIsEmpty(page)) {
		found.account.free = page::size;
		return;
	}
	ItemPointerSet(&examiner.reform.row, block, InvalidOffsetNumber);
	const OffsetNumber items = PageGetMaxOffsetNumber(page);
	const auto header = reinterpret_cast<PageHeader>(page);
	if (items > page::most_tuples || header->pd_special > page::size) {
		report_corruption(examiner, block, items);
	}
	// There is no special space in heaps; if there was, it would not be for rows.
	std::uint32_t taken = page::header + (page::size - header->pd_special);
	found.account.overhead = taken;
	for (OffsetNumber i = FirstOffsetNumber; i <= items; ++i) {
		const ItemId item = PageGetItemId(page, i);
		taken += page::line_pointer;
		if (ItemIdIsNormal(item)) {
			const std::uint32_t length = ItemIdGetLength(item);
			if (length < SizeofHeapTupleHeader || ItemIdGetOffset(item) + length > header->pd_special) {
				report_corruption(examiner, block, i);
			}
			const auto in = [item](Page where) {
				return reinterpret_cast<HeapTupleHeader>(where + ItemIdGetOffset(item));
			};
			taken += add(examiner, {.head = in(page), .whole = in(bodies), .length = length, .item = i}, found);
		} else if (ItemIdIsRedirected(item)) {
			found.account.overhead += page::line_pointer;
		} else if (ItemIdIsDead(item)) {
			found.account.vacuum_frees += page::line_pointer;
		} else {
			found.account.free += page::line_pointer;
		}
	}
	if (taken > page::size) {
		report_corruption(examiner, block, items);
	}
	const std::uint32_t hole = page::size - taken;
	found.account.reserve = found.kept > 0 ? Min(hole, examiner.reserve) : 0;
	found.account.free += hole - found.account.reserve;
}

} // namespace warden::bloat
