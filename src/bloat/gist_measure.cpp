// gist_measure.cpp - GiST indexes.
//
// Of its account: live are the entries of the leaves; overhead are the inner pages; vacuum_frees are entries that a
// scan has found dead; free and blocked are also deleted pages, by whether they can be used again yet; reserve is what
// the fill factor leaves of a leaf, unless a rebuild would sort: then it fills them.
#include "bloat/subject.hpp"

#include "bloat/gist_packing.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/index_pages.hpp"

#include "pg/gist_pages.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

using namespace pg;

namespace {

constexpr const char *depends_on_order =
	"how full the pages of a GiST index become depends on its operator classes and on the order of the rows";

/// How a rebuild would go about it.
struct Plan {
	int fillfactor;
	bool sorts;
};

struct GistPage {
	Account account;
	bool is_leaf;
	bool is_deleted;
	std::int64_t needed; ///< for its entries, with their line pointers
	int entries;
	std::uint32_t first_row; ///< pages of the table that they are on
	std::uint32_t last_row;
};

// Server code ---------------------------------------------------------------------------------------------------------

Plan plan_of(Relation relation) {
	const auto *const options = reinterpret_cast<const GiSTOptions *>(relation->rd_options);
	const bool sorts = sorts_entries(relation);
	const int fillfactor = options != nullptr ? options->fillfactor : GIST_DEFAULT_FILLFACTOR;
	return {.fillfactor = sorts ? 100 : fillfactor, .sorts = sorts};
}

void look_at_entries(GistPage &found, Page page, const Plan &plan, const IndexPages &pages) {
	Entries entries;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
		const char *const entry = entry_of(page, i, sizeof(IndexTupleData));
		if (entry == nullptr) {
			continue;
		}
		const ItemId item = PageGetItemId(page, i);
		const ItemPointerData row = reinterpret_cast<const IndexTupleData *>(entry)->t_tid;
		const bool is_dead = found.is_leaf && ItemIdIsDead(item);
		const Fate fate = is_dead ? Fate::Dead : (found.is_leaf ? pages.fate_of(row) : Fate::Kept);
		entries.add(fate, ItemIdGetLength(item));
		if (fate != Fate::Dead) {
			found.needed += static_cast<std::int64_t>(MAXALIGN(ItemIdGetLength(item)) + sizeof(ItemIdData));
			++found.entries;
			const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&row);
			found.first_row = Min(found.first_row, block);
			found.last_row = Max(found.last_row, block);
		}
	}
	if (found.is_leaf) {
		found.account = account_of_page(page, entries, reserve(plan.fillfactor));
	}
}

GistPage look_at(Page page, const Plan &plan, const IndexPages &pages) {
	GistPage found{};
	found.first_row = InvalidBlockNumber;
	if (PageIsNew(page)) {
		found.account = free_page;
		found.is_deleted = true;
		return found;
	}
	found.account = overhead_page;
	if (!is_sound(page, sizeof(GISTPageOpaqueData))) {
		return found;
	}
	if (GistPageIsDeleted(page)) {
		found.account = gistPageRecyclable(page) ? free_page : blocked_page;
		found.is_deleted = true;
	} else {
		found.is_leaf = GistPageIsLeaf(page);
		look_at_entries(found, page, plan, pages);
	}
	return found;
}

// C++ -----------------------------------------------------------------------------------------------------------------

/// Of all pages that were read.
struct Sums {
	double root = 0;            ///< the bytes that its entries need, if it is a leaf
	std::vector<double> leaves; ///< the same, of each of the others
	double inner = 0;           ///< of all entries of inner pages
	double inner_entries = 0;
	double spread = 0; ///< of the rows of each leaf, over the table
	double leaf_pages = 0;
	std::uint32_t first_row = InvalidBlockNumber;
	std::uint32_t last_row = 0;
	std::int64_t deleted = 0;

	/// Rows come in the order of the index, or nearly: those of a leaf are near to each other in the table.
	bool is_in_order() const {
		const double of_table = last_row > first_row ? last_row - first_row : 1;
		return leaf_pages > 1 && spread / leaf_pages < of_table / 4;
	}

	void add(const GistPage &found, bool is_root) {
		const auto needed = static_cast<double>(found.needed);
		deleted += found.is_deleted ? 1 : 0;
		if (!found.is_leaf) {
			inner += needed;
			inner_entries += found.entries;
		} else if (found.entries > 0) {
			++leaf_pages;
			spread += found.last_row - found.first_row;
			first_row = std::min(first_row, found.first_row);
			last_row = std::max(last_row, found.last_row);
		}
		if (is_root) {
			root = found.is_leaf ? needed : 0;
		} else {
			leaves.push_back(found.is_leaf ? needed : 0);
		}
	}
};

Prediction predict(const Plan &plan, const Sums &sums, const Estimate &leaves) {
	const double inner_entry = sums.inner_entries > 0 ? sums.inner / sums.inner_entries : 0;
	const auto bytes = [&](double entries, double fullness, double apart = 0) {
		const GistEntries all{
			.bytes = sums.root + entries, .inner_entry = inner_entry, .fillfactor = plan.fillfactor, .apart = apart};
		return static_cast<std::int64_t>(gist_pages(all, fullness)) * BLCKSZ;
	};
	const double usual = !plan.sorts && sums.is_in_order() ? gist_fullness::in_order : gist_fullness::usual;
	return {bytes(leaves.value, usual), bytes(leaves.low, gist_fullness::most),
	        bytes(leaves.high, gist_fullness::least, gist_fullness::apart)};
}

} // namespace

Measurement measure_gist(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (auto nothing = withheld(relation, heap, method)) {
		return *std::move(nothing);
	}
	const Plan plan = call([&] { return plan_of(relation); });
	IndexPages pages(relation, heap, method, effort);
	Sums sums;
	pages.each([&](Page page, BlockNumber) { return look_at(page, plan, pages); },
	           [&](const GistPage &found, std::uint32_t block) { sums.add(found, block == GIST_ROOT_BLKNO); });
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = pages.scale(sums.deleted);
	measurement.rewritten = pages.with_dead(predict(plan, sums, pages.sum(sums.leaves, BLCKSZ)));
	measurement.caveats.emplace_back(depends_on_order);
	return measurement;
}

} // namespace warden::bloat
