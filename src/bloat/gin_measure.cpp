// gin_measure.cpp - GIN indexes.
//
// Of its account: live are keys with their lists, trees of lists, and entries that wait in the pending list; overhead
// are the inner pages of all trees, and keys that have no row any more, which VACUUM leaves; free and blocked are also
// deleted pages, by whether they can be used again yet.
#include "bloat/subject.hpp"

#include "bloat/gin_contents.hpp"
#include "bloat/index_pages.hpp"

#include "pg/gin_pages.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

using namespace pg;

namespace {

enum class Kind : std::uint8_t { Other, Keys, List, InnerList, Pending, Deleted };

constexpr std::size_t most_keys = BLCKSZ / (sizeof(ItemIdData) + sizeof(IndexTupleData));

struct GinPage {
	Account account;
	Kind kind;
	std::uint32_t next;  ///< the page to the right
	std::uint32_t child; ///< of an inner page: the first one
	std::uint32_t keys;
	PostingRun rows; ///< of a page of a list
};

/// What the first page says.
struct Pending {
	std::int64_t pages;
	std::int64_t rows;
};

// Server code ---------------------------------------------------------------------------------------------------------

Pending pending_of(Relation relation) {
	PageReader reader = begin_reading(relation, 0);
	Pending pending{};
	if (reader.blocks > GIN_METAPAGE_BLKNO) {
		const GinMetaPageData *const meta = GinPageGetMeta(read_page(reader, GIN_METAPAGE_BLKNO));
		pending = {meta->nPendingPages, meta->nPendingHeapTuples};
	}
	end_reading(reader);
	return pending;
}

GinBuild build_of(Relation relation, Relation table) {
	const TupleDesc keys = RelationGetDescr(relation);
	bool are_values = true;
	for (int i = 0; i < keys->natts; ++i) {
		are_values = are_values && TupleDescAttr(keys, i)->attbyval;
	}
	return {.memory = static_cast<std::uint64_t>(maintenance_work_mem) * 1024,
	        .keys_are_values = are_values,
	        .sorts = builds_in_parallel(table, relation),
	        .pause = check_for_interrupts};
}

std::uint64_t place_of(const ItemPointerData &place) {
	return bloat::place_of(ItemPointerGetBlockNumberNoCheck(&place), ItemPointerGetOffsetNumberNoCheck(&place));
}

void read_places(PostingRun &rows, const char *from, const char *end, std::size_t count) {
	for (std::size_t i = 0; i < count && from + sizeof(ItemPointerData) <= end; ++i, from += sizeof(ItemPointerData)) {
		ItemPointerData place;
		memcpy(&place, from, sizeof place);
		rows.add(place_of(place));
	}
}

void read_segments(PostingRun &rows, const char *from, const char *end) {
	while (from + offsetof(GinPostingList, bytes) <= end) {
		GinPostingList segment;
		memcpy(&segment, from, offsetof(GinPostingList, bytes));
		const char *const bytes = from + offsetof(GinPostingList, bytes);
		const auto length = Min(static_cast<std::size_t>(segment.nbytes), static_cast<std::size_t>(end - bytes));
		PostingRun run;
		read_posting_list(run, place_of(segment.first), reinterpret_cast<const unsigned char *>(bytes), length);
		rows.add(run);
		from = bytes + SHORTALIGN(segment.nbytes);
	}
}

// What fills a key up to the next multiple of 2 or 8 is zero, and no part of it.
std::uint64_t hash_of_key(const char *entry, std::uint32_t size) {
	const std::uint32_t begin = sizeof(IndexTupleData);
	while (size > begin && entry[size - 1] == 0) {
		--size;
	}
	return size > begin ? hash_bytes_extended(reinterpret_cast<const unsigned char *>(entry) + begin,
	                                          static_cast<int>(size - begin), 0)
	                    : 0;
}

GinKey read_key(const char *entry, std::size_t length, bool is_pending) {
	IndexTupleData header;
	memcpy(&header, entry, sizeof header);
	const IndexTuple tuple = &header;
	GinKey key{};
	key.size = static_cast<std::uint32_t>(length);
	if (is_pending) {
		key.rows.add(place_of(tuple->t_tid));
	} else if (GinIsPostingTree(tuple)) {
		key.tree = GinGetPostingTree(tuple);
	} else {
		key.size = Min(key.size, GinGetPostingOffset(tuple));
		const char *const list = entry + key.size;
		if (GinItupIsCompressed(tuple) && GinGetNPosting(tuple) > 0) {
			read_segments(key.rows, list, entry + length);
		} else {
			read_places(key.rows, list, entry + length, GinGetNPosting(tuple));
		}
	}
	key.hash = hash_of_key(entry, key.size);
	return key;
}

void look_at_keys(GinPage &found, Page page, GinKey *keys) {
	std::int64_t live = 0;
	for (OffsetNumber i = FirstOffsetNumber; i <= PageGetMaxOffsetNumber(page) && found.keys < most_keys; ++i) {
		const char *const entry = entry_of(page, i, sizeof(IndexTupleData));
		if (entry == nullptr) {
			continue;
		}
		const std::size_t length = ItemIdGetLength(PageGetItemId(page, i));
		const GinKey key = read_key(entry, length, found.kind == Kind::Pending);
		live += key.tree != 0 || key.rows.items > 0 ? static_cast<std::int64_t>(length) : 0;
		keys[found.keys++] = key;
	}
	found.account = account_of_page(page, live, 0, 0);
}

void look_at_list(GinPage &found, Page page) {
	const char *const from = GinDataPageGetData(page);
	const char *const end = page + reinterpret_cast<PageHeader>(page)->pd_lower;
	if (GinPageIsCompressed(page)) {
		read_segments(found.rows, from, end);
		found.account = account_of_page(page, end > from ? end - from : 0, 0, 0);
		return;
	}
	// As before PostgreSQL 9.4: the page does not say where its list ends.
	const std::int64_t size = Min(GinPageGetOpaque(page)->maxoff * sizeof(ItemPointerData), GinDataPageMaxDataSize);
	read_places(found.rows, from, page + BLCKSZ, static_cast<std::size_t>(size) / sizeof(ItemPointerData));
	const auto room = static_cast<std::int64_t>(GinDataPageMaxDataSize);
	found.account = {.live = size, .overhead = BLCKSZ - room, .free = room - size};
}

Kind kind_of(Page page) {
	const int flags = GinPageGetOpaque(page)->flags;
	if ((flags & GIN_DELETED) != 0) {
		return Kind::Deleted;
	}
	if ((flags & GIN_LIST) != 0) {
		return Kind::Pending;
	}
	if ((flags & GIN_DATA) != 0) {
		return (flags & GIN_LEAF) != 0 ? Kind::List : Kind::InnerList;
	}
	return (flags & GIN_LEAF) != 0 ? Kind::Keys : Kind::Other;
}

GinPage look_at(Page page, GinKey *keys) {
	GinPage found{};
	found.account = overhead_page;
	if (PageIsNew(page)) {
		found.account = free_page;
		found.kind = Kind::Deleted;
		return found;
	}
	if (!is_sound(page, sizeof(GinPageOpaqueData))) {
		return found;
	}
	found.kind = kind_of(page);
	found.next = GinPageGetOpaque(page)->rightlink;
	switch (found.kind) {
	case Kind::Deleted:
		found.account = GinPageIsRecyclable(page) ? free_page : blocked_page;
		break;
	case Kind::Keys:
	case Kind::Pending:
		look_at_keys(found, page, keys);
		break;
	case Kind::List:
		look_at_list(found, page);
		break;
	case Kind::InnerList:
		found.child = PostingItemGetBlockNumber(GinDataPageGetPostingItem(page, FirstOffsetNumber));
		break;
	case Kind::Other:
		break;
	}
	return found;
}

// C++ -----------------------------------------------------------------------------------------------------------------

/// Of a sample: pages of keys and of lists, and whether each page is one.
struct Counts {
	std::vector<double> keys;
	std::vector<double> lists;
	std::int64_t deleted = 0;

	void add(const GinPage &found, std::uint32_t block) {
		deleted += found.kind == Kind::Deleted ? 1 : 0;
		if (block != GIN_METAPAGE_BLKNO) {
			keys.push_back(found.kind == Kind::Keys ? 1 : 0);
			lists.push_back(found.kind == Kind::List ? 1 : 0);
		}
	}
};

void keep(GinContents &contents, const GinPage &found, std::uint32_t block, const GinKey *keys) {
	switch (found.kind) {
	case Kind::Keys:
		contents.add_keys(block, found.next, keys, found.keys);
		break;
	case Kind::Pending:
		contents.add_pending(keys, found.keys);
		break;
	case Kind::List:
	case Kind::InnerList:
		contents.add_list(block, found.next, found.child, found.rows);
		break;
	case Kind::Deleted:
	case Kind::Other:
		break;
	}
}

Prediction in_bytes(const GinSize &size) {
	const auto bytes = [](double pages) { return static_cast<std::int64_t>(std::ceil(pages)) * BLCKSZ; };
	return {bytes(size.pages), bytes(std::floor(size.low)), bytes(size.high)};
}

// How much the doubt of a sample adds: in so many of its pages there are keys, or lists.
double doubt(const Estimate &estimate, double of) {
	return estimate.value > 0 ? of / estimate.value : 1;
}

Prediction predict(const IndexPages &pages, GinContents &contents, const GinBuild &build, const Counts &counts) {
	if (pages.is_whole()) {
		return in_bytes(contents.rebuilt(build, 1, 1));
	}
	const Estimate keys = pages.sum(counts.keys, 1);
	const Estimate lists = pages.sum(counts.lists, 1);
	const double times = (pages.pages() - 1) / static_cast<double>(counts.keys.size());
	GinSize size = contents.rebuilt(build, times, times);
	size.low *= std::min(doubt(keys, keys.low), doubt(lists, lists.low));
	size.high *= std::max(doubt(keys, keys.high), doubt(lists, lists.high));
	return in_bytes(size);
}

} // namespace

Measurement measure_gin(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (method == Method::Statistics) {
		return not_estimated(relation, "gin");
	}
	const Pending pending = call([&] { return pending_of(relation); });
	const GinBuild build = call([&] { return build_of(relation, heap); });
	IndexPages pages(relation, method, effort);
	GinContents contents;
	Counts counts;
	std::vector<GinKey> buffer(most_keys);
	GinKey *const keys = buffer.data();
	pages.each([&](Page page, BlockNumber) { return look_at(page, keys); },
	           [&](const GinPage &found, std::uint32_t block) {
				   counts.add(found, block);
				   keep(contents, found, block, keys);
			   });
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = pages.scale(counts.deleted);
	measurement.pending_pages = pending.pages;
	measurement.rewritten = predict(pages, contents, build, counts);
	return measurement;
}

} // namespace warden::bloat
