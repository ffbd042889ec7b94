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

/// Rows of one list or several, without those that are dead.
struct Reading {
	const IndexPages &pages;
	PostingRun rows;
	std::int64_t dead;
	std::int64_t blocked; ///< of rows

	void add(const ItemPointerData &row) {
		const Fate fate = pages.fate_of(row);
		if (fate == Fate::Dead) {
			++dead;
			return;
		}
		blocked += fate == Fate::Blocked ? 1 : 0;
		rows.add(place_of(ItemPointerGetBlockNumberNoCheck(&row), ItemPointerGetOffsetNumberNoCheck(&row)));
	}

	/// Divides bytes among them.
	void add_to(Entries &entries, std::int64_t bytes) const {
		const std::int64_t all = Max(dead + static_cast<std::int64_t>(rows.items), 1);
		entries.dead += bytes * dead / all;
		entries.blocked += bytes * blocked / all;
		entries.live += bytes - bytes * dead / all - bytes * blocked / all;
	}
};

void read_places(Reading &reading, const char *from, const char *end, std::size_t count) {
	for (std::size_t i = 0; i < count && from + sizeof(ItemPointerData) <= end; ++i, from += sizeof(ItemPointerData)) {
		ItemPointerData row;
		memcpy(&row, from, sizeof row);
		reading.add(row);
	}
}

void read_segments(Reading &reading, const char *from, const char *end) {
	while (from + offsetof(GinPostingList, bytes) <= end) {
		GinPostingList segment;
		memcpy(&segment, from, offsetof(GinPostingList, bytes));
		const char *const bytes = from + offsetof(GinPostingList, bytes);
		const auto length = Min(static_cast<std::size_t>(segment.nbytes), static_cast<std::size_t>(end - bytes));
		const std::uint64_t first = place_of(ItemPointerGetBlockNumberNoCheck(&segment.first),
		                                     ItemPointerGetOffsetNumberNoCheck(&segment.first));
		each_place(first, reinterpret_cast<const unsigned char *>(bytes), length, [&](std::uint64_t place) {
			ItemPointerData row;
			ItemPointerSet(&row, static_cast<BlockNumber>(place >> 11U), static_cast<OffsetNumber>(place & 0x7ffU));
			reading.add(row);
		});
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

GinKey read_key(const char *entry, std::size_t length, bool is_pending, Reading &reading) {
	IndexTupleData header;
	memcpy(&header, entry, sizeof header);
	const IndexTuple tuple = &header;
	GinKey key{};
	key.size = static_cast<std::uint32_t>(length);
	if (is_pending) {
		reading.add(tuple->t_tid);
	} else if (GinIsPostingTree(tuple)) {
		key.tree = GinGetPostingTree(tuple);
	} else {
		const auto list_begin = static_cast<std::uint32_t>(GinGetPostingOffset(tuple));
		key.size = Min(key.size, Max(list_begin, static_cast<std::uint32_t>(sizeof(IndexTupleData))));
		const char *const list = entry + key.size;
		if (GinItupIsCompressed(tuple) && GinGetNPosting(tuple) > 0) {
			read_segments(reading, list, entry + length);
		} else {
			read_places(reading, list, entry + length, GinGetNPosting(tuple));
		}
	}
	key.rows = reading.rows;
	key.hash = hash_of_key(entry, key.size);
	return key;
}

void look_at_keys(GinPage &found, Page page, GinKey *keys, const IndexPages &pages) {
	Entries entries;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last && found.keys < most_keys; ++i) {
		const char *const entry = entry_of(page, i, sizeof(IndexTupleData));
		if (entry == nullptr) {
			continue;
		}
		const std::int64_t length = ItemIdGetLength(PageGetItemId(page, i));
		const bool is_pending = found.kind == Kind::Pending;
		Reading reading{.pages = pages, .rows = {}, .dead = 0, .blocked = 0};
		const GinKey key = read_key(entry, static_cast<std::size_t>(length), is_pending, reading);
		const bool is_kept = key.tree != 0 || key.rows.items > 0;
		const std::int64_t list = is_pending ? length : length - key.size;
		reading.add_to(entries, list);
		entries.live += is_kept ? length - list : 0;
		if (is_kept) {
			keys[found.keys++] = key;
		}
	}
	found.account = account_of_page(page, entries, 0);
}

void look_at_list(GinPage &found, Page page, const IndexPages &pages) {
	Reading reading{.pages = pages, .rows = {}, .dead = 0, .blocked = 0};
	const char *const from = GinDataPageGetData(page);
	Entries entries;
	if (GinPageIsCompressed(page)) {
		const char *const end = page + reinterpret_cast<PageHeader>(page)->pd_lower;
		read_segments(reading, from, end);
		reading.add_to(entries, Max(end - from, 0));
		found.account = account_of_page(page, entries, 0);
	} else {
		// As before PostgreSQL 9.4: the page does not say where its list ends.
		const auto room = static_cast<std::int64_t>(GinDataPageMaxDataSize);
		const std::size_t count = Min(static_cast<std::size_t>(GinPageGetOpaque(page)->maxoff),
		                              GinDataPageMaxDataSize / sizeof(ItemPointerData));
		read_places(reading, from, page + BLCKSZ, count);
		const auto size = static_cast<std::int64_t>(count * sizeof(ItemPointerData));
		reading.add_to(entries, size);
		found.account = {.live = entries.live,
		                 .overhead = BLCKSZ - room,
		                 .vacuum_frees = entries.dead,
		                 .blocked = entries.blocked,
		                 .free = room - size};
	}
	found.rows = reading.rows;
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

GinPage look_at(Page page, GinKey *keys, const IndexPages &pages) {
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
		look_at_keys(found, page, keys, pages);
		break;
	case Kind::List:
		look_at_list(found, page, pages);
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

/// Of each page but the first: bytes of keys, or of lists.
struct Values {
	std::vector<double> keys;
	std::vector<double> lists;
	std::int64_t deleted = 0;

	void add(const GinPage &found, std::uint32_t block) {
		deleted += found.kind == Kind::Deleted ? 1 : 0;
		if (block != GIN_METAPAGE_BLKNO) {
			const auto live = static_cast<double>(found.account.live);
			keys.push_back(found.kind == Kind::Keys ? live : 0);
			lists.push_back(found.kind == Kind::List ? live : 0);
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

Times times_of(const IndexPages &pages, const std::vector<double> &values) {
	const Estimate all = pages.sum(values, BLCKSZ);
	double read = 0;
	for (const double value : values) {
		read += value;
	}
	if (read == 0) {
		return {.value = 0, .low = 0, .high = 0, .unseen = all.high / BLCKSZ};
	}
	return {.value = all.value / read, .low = all.low / read, .high = all.high / read, .unseen = 0};
}

GinSize predict(const IndexPages &pages, GinContents &contents, const GinBuild &build, const Values &values) {
	return pages.is_whole() ? contents.rebuilt(build, once, once)
	                        : contents.rebuilt(build, times_of(pages, values.keys), times_of(pages, values.lists));
}

} // namespace

Measurement measure_gin(Relation relation, Relation heap, Method method, const Effort &effort) {
	if (auto nothing = withheld(relation, heap, method)) {
		return *std::move(nothing);
	}
	const Pending pending = call([&] { return pending_of(relation); });
	const GinBuild build = call([&] { return build_of(relation, heap); });
	IndexPages pages(relation, heap, method, effort);
	GinContents contents;
	Values values;
	std::vector<GinKey> buffer(most_keys);
	GinKey *const keys = buffer.data();
	pages.each([&](Page page, BlockNumber) { return look_at(page, keys, pages); },
	           [&](const GinPage &found, std::uint32_t block) {
				   values.add(found, block);
				   keep(contents, found, block, keys);
			   });
	Measurement measurement = pages.measurement();
	measurement.deleted_pages = pages.scale(values.deleted);
	measurement.pending_pages = pending.pages;
	const GinSize size = predict(pages, contents, build, values);
	measurement.rewritten = pages.with_dead(in_bytes(size));
	if (size.takes_batches) {
		measurement.caveats.emplace_back(
			"its size after REINDEX depends on maintenance_work_mem, which is taken as it is");
	}
	return measurement;
}

} // namespace warden::bloat
