// hash_measure.cpp - Hash indexes.
//
// Of its account: live are the entries of its buckets; vacuum_frees those that a scan has found dead, and copies that a
// split has left behind; reserve is what the fill factor leaves of each page; overhead are also the first page and the
// bitmaps; free are also overflow pages that have been emptied, and buckets that were made in advance.
#include "bloat/subject.hpp"

#include "bloat/hash_packing.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/index_pages.hpp"
#include "bloat/sample_draw.hpp"

#include "pg/hash_pages.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

using namespace pg;

namespace {

// Of more that would have to be split while they are built, the values are not remembered: a quarter of a gigabyte.
constexpr std::uint64_t most_values = 1ULL << 24U;

/// What the first page says.
struct Plan {
	double entries;
	double rows; ///< that a rebuild prepares for
	int fillfactor;
	std::uint32_t buckets;
	std::uint32_t high_mask;
	std::uint32_t low_mask;
	bool fits;  ///< all entries, in the buckets that a rebuild begins with
	bool sorts; ///< a rebuild does, because there are so many of them
};

struct HashPage {
	Account account;
	bool is_overflow;
	bool is_unused;
	std::uint16_t entries;
	std::uint32_t hashes[HashPacking::entries_of_page];
};

// Server code ---------------------------------------------------------------------------------------------------------

double most_rows(Relation table) {
	constexpr BlockNumber least_pages = 10; // that the server thinks of for a table that is small yet
	return static_cast<double>(Max(RelationGetNumberOfBlocks(table), least_pages)) * page::most_tuples;
}

Plan plan_of(Relation relation, Relation table) {
	PageReader reader = begin_reading(relation, 0);
	Plan plan{};
	if (reader.blocks > HASH_METAPAGE) {
		const HashMetaPageData *const meta = HashPageGetMeta(read_page(reader, HASH_METAPAGE));
		// What the file has no room for, no number either, is damage.
		const double room = static_cast<double>(reader.blocks) * HashPacking::entries_of_page;
		plan.entries = meta->hashm_ntuples > 0 ? Min(meta->hashm_ntuples, room) : 0;
		plan.buckets = Max(Min(meta->hashm_maxbucket, reader.blocks), 1) + 1;
		plan.high_mask = meta->hashm_highmask;
		plan.low_mask = meta->hashm_lowmask;
	}
	end_reading(reader);
	// What the catalog says of them may be anything, and there is memory for each bucket.
	plan.rows = Min(estimated_rows(table), most_rows(table));
	plan.fillfactor = HashGetFillFactor(relation);
	const std::uint32_t buckets = HashPacking::buckets_for(plan.rows, plan.fillfactor);
	plan.fits = plan.entries <= static_cast<double>(buckets) * HashPacking::target(plan.fillfactor);
	plan.sorts = sorts_rows(buckets, relation);
	return plan;
}

HashPage look_at_bucket(Page page, const Plan &plan, const IndexPages &pages) {
	HashPage found{};
	const HashPageOpaque own = HashPageGetOpaque(page);
	Entries entries;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
		const char *const entry = entry_of(page, i, sizeof(IndexTupleData) + sizeof(std::uint32_t));
		if (entry == nullptr || found.entries == HashPacking::entries_of_page) {
			continue;
		}
		std::uint32_t hash = 0;
		memcpy(&hash, entry + sizeof(IndexTupleData), sizeof hash);
		const bool is_copy =
			own->hasho_bucket != _hash_hashkey2bucket(hash, plan.buckets - 1, plan.high_mask, plan.low_mask) &&
			(own->hasho_flag & LH_BUCKET_NEEDS_SPLIT_CLEANUP) != 0;
		const bool is_dead = is_copy || ItemIdIsDead(PageGetItemId(page, i));
		const Fate fate = is_dead ? Fate::Dead : pages.fate_of(reinterpret_cast<const IndexTupleData *>(entry)->t_tid);
		entries.add(fate, ItemIdGetLength(PageGetItemId(page, i)));
		if (fate != Fate::Dead) {
			found.hashes[found.entries++] = hash;
		}
	}
	found.account = account_of_page(page, entries, reserve(plan.fillfactor));
	return found;
}

HashPage look_at(Page page, const Plan &plan, const IndexPages &pages) {
	HashPage found{};
	if (PageIsNew(page)) {
		found.account = free_page;
		return found;
	}
	if (!is_sound(page, sizeof(HashPageOpaqueData))) {
		found.account = overhead_page;
		return found;
	}
	const int type = HashPageGetOpaque(page)->hasho_flag & LH_PAGE_TYPE;
	if (type == LH_UNUSED_PAGE) {
		found.account = free_page;
		found.is_unused = true;
	} else if (type == LH_BUCKET_PAGE || type == LH_OVERFLOW_PAGE) {
		found = look_at_bucket(page, plan, pages);
		found.is_overflow = type == LH_OVERFLOW_PAGE;
	} else {
		found.account = overhead_page;
	}
	return found;
}

// C++ -----------------------------------------------------------------------------------------------------------------

std::uint64_t entries_of(const Plan &plan) {
	return static_cast<std::uint64_t>(plan.entries);
}

/// What is known of the overflow pages as they are, with the doubt of a sample.
struct Overflows {
	Estimate pages;
	Estimate entries;
};

// Without the values: what chance gives, and in addition what there is more of now than chance gives, because many
// entries have the same value.
Prediction roughly(const Plan &plan, const Overflows &now) {
	const auto needed = static_cast<std::uint64_t>(std::ceil(plan.entries / HashPacking::target(plan.fillfactor)));
	const std::uint64_t buckets = std::max<std::uint64_t>(needed, HashPacking::buckets_for(plan.rows, plan.fillfactor));
	const auto base = static_cast<double>(HashPacking::phase_of(buckets)) + 2;
	// The first page counts entries of dead rows too.
	const auto least =
		static_cast<double>(HashPacking::phase_of(HashPacking::buckets_for(plan.rows, plan.fillfactor))) + 2;
	const auto by_chance = HashPacking::by_chance(plan.entries, static_cast<double>(buckets));
	const auto chance_now = HashPacking::by_chance(plan.entries, plan.buckets);
	const double more = std::max(0.0, now.entries.value - chance_now.entries) / HashPacking::entries_of_page;
	// Buckets that wait for their turn to be split have up to twice their share: half of all take another page for it.
	const double peak = !plan.fits ? static_cast<double>(buckets) / 2 : 0;
	const auto bytes = [](double pages) { return static_cast<std::int64_t>(pages) * BLCKSZ; };
	return {bytes(std::ceil(base + by_chance.pages + more + peak / 2)), bytes(least),
	        bytes(std::ceil(base + by_chance.pages * 1.2 + now.pages.high + peak))};
}

/// In a loop of millions.
class Pauses {
public:
	void count() {
		if (++steps_ % between == 0) {
			check_for_interrupts();
		}
	}

private:
	static constexpr std::uint64_t between = 1U << 16U;
	std::uint64_t steps_ = 0;
};

// In the order of a build: sorted by bucket, or as the rows come, in which values are as if thrown.
void add_all(HashPacking &packing, std::vector<std::uint32_t> &hashes, bool is_sorted) {
	Pauses pauses;
	if (is_sorted) {
		std::ranges::sort(hashes, [&](std::uint32_t a, std::uint32_t b) {
			pauses.count();
			return std::pair(packing.bucket_of(a), a) < std::pair(packing.bucket_of(b), b);
		});
		for (const std::uint32_t hash : hashes) {
			pauses.count();
			packing.add(hash);
		}
		return;
	}
	RandomNumbers numbers(0);
	const auto count = static_cast<std::uint32_t>(hashes.size());
	for (const std::uint32_t i : draw(numbers, count, count)) {
		pauses.count();
		packing.add(hashes[i]);
	}
}

Prediction read_all(IndexPages &pages, const Plan &plan, std::int64_t &unused) {
	HashPacking packing(plan.rows, plan.fillfactor, entries_of(plan));
	std::vector<std::uint32_t> hashes; // only if their order matters
	pages.each([&](Page page, BlockNumber) { return look_at(page, plan, pages); },
	           [&](const HashPage &found, std::uint32_t) {
				   unused += found.is_unused ? 1 : 0;
				   for (std::uint16_t i = 0; i < found.entries; ++i) {
					   if (packing.may_split()) {
						   hashes.push_back(found.hashes[i]);
					   } else {
						   packing.add(found.hashes[i]);
					   }
				   }
			   });
	add_all(packing, hashes, plan.sorts);
	const auto bytes = static_cast<std::int64_t>(packing.pages()) * BLCKSZ;
	return {bytes, bytes, bytes};
}

Prediction read_some(IndexPages &pages, const Plan &plan, std::int64_t &unused) {
	std::vector<double> are_overflow;
	std::vector<double> entries;
	pages.each([&](Page page, BlockNumber) { return look_at(page, plan, pages); },
	           [&](const HashPage &found, std::uint32_t block) {
				   if (block != HASH_METAPAGE) {
					   are_overflow.push_back(found.is_overflow && found.entries > 0 ? 1 : 0);
					   entries.push_back(found.is_overflow ? found.entries : 0);
					   unused += found.is_unused ? 1 : 0;
				   }
			   });
	unused = pages.scale(unused);
	return roughly(plan, {pages.sum(are_overflow, 1), pages.sum(entries, HashPacking::entries_of_page)});
}

} // namespace

Measurement measure_hash(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (auto nothing = withheld(relation, heap, method)) {
		return *std::move(nothing);
	}
	const Plan plan = call([&] { return plan_of(relation, heap); });
	IndexPages pages(relation, heap, method, effort);
	const bool remembers = plan.fits || entries_of(plan) <= most_values;
	std::int64_t unused = 0;
	const Prediction rewritten =
		pages.is_whole() && remembers ? read_all(pages, plan, unused) : read_some(pages, plan, unused);
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = unused;
	measurement.rewritten = rewritten;
	return measurement;
}

} // namespace warden::bloat
