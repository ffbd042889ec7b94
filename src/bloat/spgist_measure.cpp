// spgist_measure.cpp - SP-GiST indexes.
//
// Of its account: live are the entries of the leaves; overhead are inner pages, and dead entries that others lead to;
// vacuum_frees are redirections; free are also places that are kept for entries to come, and pages that have none.
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

void look_at_leaf(SpGistPage &found, Page page) {
	std::int64_t live = 0;
	std::int64_t redirections = 0;
	std::int64_t kept_places = 0;
	for (OffsetNumber i = FirstOffsetNumber; i <= PageGetMaxOffsetNumber(page); ++i) {
		const char *const entry = entry_of(page, i, sizeof(SpGistDeadTupleData));
		if (entry == nullptr) {
			continue;
		}
		const std::int64_t length = ItemIdGetLength(PageGetItemId(page, i));
		const auto taken = length + static_cast<std::int64_t>(sizeof(ItemIdData));
		switch (reinterpret_cast<const SpGistLeafTupleData *>(entry)->tupstate) {
		case SPGIST_LIVE:
			live += length;
			break;
		case SPGIST_REDIRECT:
			redirections += taken;
			break;
		case SPGIST_PLACEHOLDER:
			kept_places += taken;
			break;
		default:
			break;
		}
	}
	found.account = account_of_page(page, live, redirections, 0);
	found.account.overhead -= kept_places;
	found.account.free += kept_places;
	found.is_empty = PageGetMaxOffsetNumber(page) == 0;
}

SpGistPage look_at(Page page) {
	SpGistPage found{};
	if (PageIsNew(page)) {
		found.account = free_page;
		found.is_empty = true;
		return found;
	}
	found.account = overhead_page;
	const bool is_meta = !is_sound(page, sizeof(SpGistPageOpaqueData)) || SpGistPageIsMeta(page);
	if (!is_meta && (SpGistPageIsLeaf(page) || PageGetMaxOffsetNumber(page) == 0)) {
		look_at_leaf(found, page);
	}
	return found;
}

} // namespace

Measurement measure_spgist(Relation relation, Relation /*heap*/, Method method, const Effort &effort) {
	if (method == Method::Statistics) {
		return not_estimated(relation, "spgist");
	}
	IndexPages pages(relation, method, effort);
	std::int64_t empty = 0;
	pages.each([&](Page page, BlockNumber) { return look_at(page); },
	           [&](const SpGistPage &found, std::uint32_t block) {
				   empty += found.is_empty && !SpGistBlockIsFixed(block) ? 1 : 0;
			   });
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = pages.scale(empty);
	measurement.withheld = "the size of a rebuilt SP-GiST index depends on the order of insertion";
	return measurement;
}

} // namespace warden::bloat
