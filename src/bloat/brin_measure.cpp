// brin_measure.cpp - BRIN indexes.
//
// Of its account: live are the summaries of ranges of the table; overhead are the first page and the map of the ranges.
#include "bloat/subject.hpp"

#include "bloat/brin_packing.hpp"
#include "bloat/index_pages.hpp"

#include "pg/brin_pages.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

using namespace pg;

namespace {

struct BrinPage {
	Account account;
	std::uint32_t pages_per_range; ///< of the first page
	std::uint32_t mapped;          ///< of a page of the map: ranges that have a summary
	std::uint32_t summaries;
	std::uint32_t lengths[MaxIndexTuplesPerPage];
};

// Server code ---------------------------------------------------------------------------------------------------------

void look_at_summaries(BrinPage &found, Page page) {
	Entries entries;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
		if (entry_of(page, i, SizeOfBrinTuple) == nullptr || found.summaries == MaxIndexTuplesPerPage) {
			continue;
		}
		const std::uint32_t length = ItemIdGetLength(PageGetItemId(page, i));
		entries.add(Fate::Kept, length);
		found.lengths[found.summaries++] = length;
	}
	found.account = account_of_page(page, entries, 0);
}

void look_at_map(BrinPage &found, Page page) {
	const auto *const map = reinterpret_cast<const RevmapContents *>(PageGetContents(page));
	for (std::size_t i = 0; i < REVMAP_PAGE_MAXITEMS; ++i) {
		found.mapped += ItemPointerIsValid(&map->rm_tids[i]) ? 1 : 0;
	}
}

BrinPage look_at(Page page, BlockNumber block) {
	BrinPage found{};
	found.account = overhead_page;
	if (PageIsNew(page)) {
		found.account = free_page;
	} else if (!is_sound(page, sizeof(BrinSpecialSpace))) {
		return found;
	} else if (BRIN_IS_REGULAR_PAGE(page)) {
		look_at_summaries(found, page);
	} else if (BRIN_IS_REVMAP_PAGE(page)) {
		look_at_map(found, page);
	} else if (BRIN_IS_META_PAGE(page) && block == BRIN_METAPAGE_BLKNO) {
		found.pages_per_range = reinterpret_cast<const BrinMetaPageData *>(PageGetContents(page))->pagesPerRange;
	}
	return found;
}

// C++ -----------------------------------------------------------------------------------------------------------------

/// Of all pages that were read.
struct Sums {
	BrinPacking packing;
	double lengths = 0;
	std::uint32_t shortest = UINT32_MAX;
	std::uint32_t longest = 0;
	std::uint64_t mapped = 0;
	std::uint32_t pages_per_range = 0;

	void add(const BrinPage &found) {
		mapped += found.mapped;
		pages_per_range = std::max(pages_per_range, found.pages_per_range);
		for (std::uint32_t i = 0; i < found.summaries; ++i) {
			packing.add(found.lengths[i]);
			lengths += found.lengths[i];
			shortest = std::min(shortest, found.lengths[i]);
			longest = std::max(longest, found.lengths[i]);
		}
	}
};

std::int64_t bytes_of(BrinPacking packing, std::uint64_t ranges, std::uint32_t length) {
	while (packing.summaries() < ranges) {
		check_for_interrupts();
		packing.add(length);
	}
	return static_cast<std::int64_t>(packing.pages()) * BLCKSZ;
}

// Ranges that have no summary yet get one as long as the others on the average, or of nulls only.  A summary grows with
// what has been in its range, and is as short as it can be after a rebuild; but all are between the shortest and the
// longest.
Prediction predict(const Sums &sums, std::uint64_t ranges, bool all_have_one) {
	const auto known = static_cast<double>(sums.packing.summaries());
	const auto usual = static_cast<std::uint32_t>(std::ceil(sums.lengths / known));
	const std::uint32_t shortest = all_have_one ? sums.shortest : static_cast<std::uint32_t>(SizeOfBrinTuple);
	const std::int64_t bytes = bytes_of(sums.packing, ranges, usual);
	return {bytes, std::min(bytes, bytes_of({}, ranges, shortest)),
	        std::max(bytes, bytes_of({}, ranges, sums.longest))};
}

} // namespace

// It is small whatever it is of: a sample is all of it.
Measurement measure_brin(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (auto nothing = withheld(relation, heap, method)) {
		return *std::move(nothing);
	}
	IndexPages pages(relation, nullptr, Method::Exact, effort);
	Sums sums;
	pages.each([&](Page page, BlockNumber block) { return look_at(page, block); },
	           [&](const BrinPage &found, std::uint32_t) { sums.add(found); });
	Measurement measurement = pages.measurement();
	if (sums.pages_per_range == 0) {
		measurement.withheld = "the index has no first page";
		return measurement;
	}
	const std::uint64_t table_pages = call([&] { return RelationGetNumberOfBlocks(heap); });
	const std::uint64_t ranges = (table_pages + sums.pages_per_range - 1) / sums.pages_per_range;
	measurement.unsummarized = static_cast<std::int64_t>(ranges - std::min(ranges, sums.mapped));
	if (2 * sums.mapped < ranges || (sums.packing.summaries() == 0 && ranges > 0)) {
		measurement.withheld = "most ranges of the table have no summary yet: run VACUUM";
		return measurement;
	}
	measurement.rewritten = predict(sums, ranges, measurement.unsummarized == 0);
	if (measurement.unsummarized > 0) {
		measurement.caveats.emplace_back(
			"ranges of the table that have no summary yet are taken to get one as long as the others");
	}
	return measurement;
}

} // namespace warden::bloat
