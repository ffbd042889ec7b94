// spgist_measure.cpp - SP-GiST indexes.
//
// Of its account: live are the entries of the leaves; overhead are inner pages, and dead entries that others lead to;
// vacuum_frees are also redirections; free are also places that are kept for entries to come, and pages that have none.
#include "bloat/subject.hpp"

#include "bloat/index_pages.hpp"

#include "pg/spgist_pages.hpp"

namespace warden::bloat {

using namespace pg;

namespace {

struct SpGistPage {
	Account account;
	bool is_empty;
};

// Server code ---------------------------------------------------------------------------------------------------------

void look_at_leaf(SpGistPage &found, Page page, const IndexPages &pages) {
	Entries entries;
	std::int64_t kept_places = 0;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
		const char *const entry = entry_of(page, i, sizeof(SpGistDeadTupleData));
		if (entry == nullptr) {
			continue;
		}
		const std::int64_t length = ItemIdGetLength(PageGetItemId(page, i));
		switch (reinterpret_cast<const SpGistLeafTupleData *>(entry)->tupstate) {
		case SPGIST_LIVE:
			entries.add(pages.fate_of(reinterpret_cast<const SpGistLeafTupleData *>(entry)->heapPtr), length);
			break;
		case SPGIST_REDIRECT:
			entries.add(Fate::Dead, length);
			break;
		case SPGIST_PLACEHOLDER:
			kept_places += length + static_cast<std::int64_t>(sizeof(ItemIdData));
			break;
		default:
			break;
		}
	}
	found.account = account_of_page(page, entries, 0);
	found.account.overhead -= kept_places;
	found.account.free += kept_places;
	found.is_empty = PageGetMaxOffsetNumber(page) == 0;
}

SpGistPage look_at(Page page, const IndexPages &pages) {
	SpGistPage found{};
	if (PageIsNew(page)) {
		found.account = free_page;
		found.is_empty = true;
		return found;
	}
	found.account = overhead_page;
	const bool is_meta = !is_sound(page, sizeof(SpGistPageOpaqueData)) || SpGistPageIsMeta(page);
	if (!is_meta && (SpGistPageIsLeaf(page) || PageGetMaxOffsetNumber(page) == 0)) {
		look_at_leaf(found, page, pages);
	}
	return found;
}

} // namespace

Measurement measure_spgist(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (auto nothing = withheld(relation, heap, method)) {
		return *std::move(nothing);
	}
	IndexPages pages(relation, heap, method, effort);
	std::int64_t empty = 0;
	pages.each([&](Page page, BlockNumber) { return look_at(page, pages); },
	           [&](const SpGistPage &found, std::uint32_t block) {
				   empty += found.is_empty && !SpGistBlockIsFixed(block) ? 1 : 0;
			   });
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = pages.scale(empty);
	measurement.withheld = "the size of a rebuilt SP-GiST index depends on the order of insertion";
	return measurement;
}

} // namespace warden::bloat
