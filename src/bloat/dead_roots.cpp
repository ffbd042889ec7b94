#include "bloat/dead_roots.hpp"

#include "bloat/heap_packing.hpp"

#include "pg/call.hpp"

#include <algorithm>

extern "C" {
#include "access/visibilitymap.h"
#include "storage/procarray.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

/// The roots of a page whose entries are not simply kept.
struct DeadOnPage {
	BlockNumber block;
	std::uint16_t count;
	OffsetNumber offsets[page::most_tuples];
	Fate fates[page::most_tuples];
};

// The rest is server code.

/// A pass over the pages that may have some.
struct Pass {
	PageReader reader;
	BlockNumber next;
	BlockNumber asked; ///< all before it that are to be read were asked for
	Buffer map;
	Fates fates;
};

/// Null if there is none, or the page says that it is where it cannot be.
HeapTupleHeader tuple_at(Page page, ItemId item) {
	const bool is_there =
		ItemIdIsNormal(item) && ItemIdGetOffset(item) + SizeofHeapTupleHeader <= static_cast<Size>(BLCKSZ);
	return is_there ? reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item)) : nullptr;
}

// Whoever follows a chain checks that each member is what the one before it became: it may be another row by now.
Fate fate_of_chain(Page page, OffsetNumber offset, Fates &fates) {
	Fate fate = Fate::Dead;
	TransactionId expected = InvalidTransactionId;
	for (int members = 0; members < static_cast<int>(page::most_tuples); ++members) {
		if (offset < FirstOffsetNumber || offset > PageGetMaxOffsetNumber(page)) {
			break;
		}
		const HeapTupleHeader tuple = tuple_at(page, PageGetItemId(page, offset));
		if (tuple == nullptr) {
			break;
		}
		if (TransactionIdIsValid(expected) && !TransactionIdEquals(HeapTupleHeaderGetXmin(tuple), expected)) {
			break;
		}
		const Fate own = fates.of(tuple);
		if (own == Fate::Kept) {
			return own;
		}
		fate = own == Fate::Blocked ? own : fate;
		if (!HeapTupleHeaderIsHotUpdated(tuple)) {
			break;
		}
		expected = HeapTupleHeaderGetUpdateXid(tuple);
		offset = ItemPointerGetOffsetNumber(&tuple->t_ctid);
	}
	return fate;
}

void find_dead(Page page, Fates &fates, DeadOnPage &found) {
	found.count = 0;
	const OffsetNumber last = Min(PageGetMaxOffsetNumber(page), static_cast<OffsetNumber>(page::most_tuples));
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; ++offset) {
		const Fate fate = fate_of_root(page, offset, fates);
		if (fate != Fate::Kept) {
			found.offsets[found.count] = offset;
			found.fates[found.count] = fate;
			++found.count;
		}
	}
}

bool may_have_dead(Pass &pass, BlockNumber block) {
	return (visibilitymap_get_status(pass.reader.relation, block, &pass.map) & VISIBILITYMAP_ALL_VISIBLE) == 0;
}

void ask_ahead(Pass &pass, BlockNumber block) {
	const BlockNumber last = block + static_cast<BlockNumber>(prefetch_distance(pass.reader));
	for (pass.asked = Max(pass.asked, block + 1); pass.asked < pass.reader.blocks && pass.asked <= last; ++pass.asked) {
		if (may_have_dead(pass, pass.asked)) {
			prefetch_page(pass.reader, pass.asked);
		}
	}
}

/// Whether there is a next page that has some.
bool find_next(Pass &pass, DeadOnPage &found) {
	while (pass.next < pass.reader.blocks) {
		const BlockNumber block = pass.next++;
		if (!may_have_dead(pass, block)) {
			CHECK_FOR_INTERRUPTS();
			continue;
		}
		found.block = block;
		ask_ahead(pass, block);
		const Page page = read_page(pass.reader, block);
		if (PageIsNew(page)) {
			continue;
		}
		find_dead(page, pass.fates, found);
		if (found.count > 0) {
			return true;
		}
	}
	return false;
}

void end(Pass &pass) {
	if (BufferIsValid(pass.map)) {
		ReleaseBuffer(pass.map);
	}
	end_reading(pass.reader);
}

} // namespace

Fate fate_of_root(Page page, OffsetNumber root, Fates &fates) {
	if (root < FirstOffsetNumber || root > PageGetMaxOffsetNumber(page)) {
		return Fate::Kept;
	}
	const ItemId item = PageGetItemId(page, root);
	if (ItemIdIsDead(item)) {
		return Fate::Dead;
	}
	if (ItemIdIsRedirected(item)) {
		return fate_of_chain(page, ItemIdGetRedirect(item), fates);
	}
	const HeapTupleHeader tuple = tuple_at(page, item);
	if (tuple == nullptr || HeapTupleHeaderIsHeapOnly(tuple)) {
		return Fate::Kept;
	}
	return fate_of_chain(page, root, fates);
}

DeadRoots::DeadRoots(Relation heap, int cost_delay_ms) {
	// When a vector grows, the old one and one of twice its size are there.
	const auto most = static_cast<std::size_t>(maintenance_work_mem) * 1024 / sizeof(std::uint64_t) / 3;
	Pass pass{.reader = call(begin_reading, heap, cost_delay_ms),
	          .next = 0,
	          .asked = 0,
	          .map = InvalidBuffer,
	          .fates = Fates(call(GetOldestNonRemovableTransactionId, heap))};
	pages_.resize(pass.reader.blocks);
	DeadOnPage found;
	while (call([&] { return find_next(pass, found); })) {
		if (roots_.size() + found.count > most) {
			is_complete_ = false;
			break;
		}
		pages_[found.block] = true;
		for (std::uint16_t i = 0; i < found.count; ++i) {
			const std::uint64_t is_blocked = found.fates[i] == Fate::Blocked ? 1 : 0;
			roots_.push_back(place(found.block, found.offsets[i]) << 1 | is_blocked);
		}
	}
	pages_read_ = pass.reader.pages_read;
	call([&] { end(pass); });
}

Fate DeadRoots::of(const ItemPointerData &row) const {
	const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&row);
	if (block >= pages_.size() || !pages_[block]) {
		return Fate::Kept;
	}
	const std::uint64_t wanted = place(block, ItemPointerGetOffsetNumberNoCheck(&row)) << 1;
	const auto *const begin = roots_.data();
	const auto *const end = begin + roots_.size();
	const auto *const found = std::lower_bound(begin, end, wanted);
	if (found == end || (*found & ~std::uint64_t{1}) != wanted) {
		return Fate::Kept;
	}
	return *found == wanted ? Fate::Dead : Fate::Blocked;
}

} // namespace warden::bloat
