#include "bloat/btree_page.hpp"

#include "bloat/heap_packing.hpp"
#include "bloat/stored_values.hpp"

#include "pg/btree_pages.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_index.h"
#include "utils/lsyscache.h"
}

namespace warden::bloat {

namespace {

// Whether equal keys are the same, byte for byte, in all operator classes.  A support function that is not the server's
// own is somebody's code, which does not run for us: then it is what the index says of itself.
bool would_deduplicate(Relation index, bool says_itself) {
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); ++i) {
		const Oid type = index->rd_opcintype[i];
		if (get_opfamily_proc(index->rd_opfamily[i], type, type, BTEQUALIMAGE_PROC) >= FirstNormalObjectId) {
			return says_itself;
		}
	}
	return _bt_allequalimage(index, false);
}

TupleDesc first_columns(TupleDesc all, int columns) {
	const TupleDesc some = CreateTemplateTupleDesc(columns);
	for (int i = 1; i <= columns; ++i) {
		TupleDescCopyEntry(some, static_cast<AttrNumber>(i), all, static_cast<AttrNumber>(i));
	}
	return some;
}

std::uint32_t key_size(IndexTuple entry) {
	return static_cast<std::uint32_t>(
		MAXALIGN(BTreeTupleIsPosting(entry) ? BTreeTupleGetPostingOffset(entry) : IndexTupleSize(entry)));
}

/// How many of the first columns of an entry are those of the one before it.
int equal_columns(const BtreeShape &shape, IndexTuple entry, std::uint32_t size) {
	if (shape.previous == nullptr) {
		return 0;
	}
	// Padding is zero.
	if (!shape.has_included && IndexTupleHasNulls(entry) == IndexTupleHasNulls(shape.previous) &&
	    size == key_size(shape.previous) && memcmp(entry + 1, shape.previous + 1, size - sizeof(IndexTupleData)) == 0) {
		return shape.keys;
	}
	return shape.is_fixed ? 0 : _bt_keep_natts_fast(shape.index, shape.previous, entry) - 1;
}

/// The length of an entry that has only its first columns.
std::uint32_t prefix_size(const BtreeShape &shape, IndexTuple entry, int columns) {
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	index_deform_tuple(entry, RelationGetDescr(shape.index), values, nulls);
	bool has_nulls = false;
	for (int i = 0; i < columns; ++i) {
		has_nulls |= nulls[i];
	}
	const Size header = IndexInfoFindDataOffset(has_nulls ? INDEX_NULL_MASK : 0);
	return static_cast<std::uint32_t>(
		MAXALIGN(header + heap_compute_data_size(shape.prefixes[columns], values, nulls)));
}

std::uint32_t pivot_size(const BtreeShape &shape, IndexTuple entry, std::uint32_t size, int equal) {
	const int columns = Min(equal + 1, shape.keys);
	const std::uint32_t length = columns == shape.columns ? size : prefix_size(shape, entry, columns);
	return length + (equal == shape.keys ? static_cast<std::uint32_t>(MAXALIGN(sizeof(ItemPointerData))) : 0);
}

/// The length of an entry of so many rows.
std::uint32_t entry_size(std::uint32_t key, std::uint32_t rows) {
	if (rows < 2) {
		return rows * key;
	}
	return align(key + rows * static_cast<std::uint32_t>(sizeof(ItemPointerData)));
}

struct RowCounts {
	std::uint32_t kept;
	std::uint32_t blocked;
};

RowCounts count_rows(IndexTuple entry, RowJudge judge) {
	const bool is_list = BTreeTupleIsPosting(entry);
	const int rows = is_list ? BTreeTupleGetNPosting(entry) : 1;
	if (judge.fate == nullptr) {
		return {.kept = static_cast<std::uint32_t>(rows), .blocked = 0};
	}
	const ItemPointerData *const row = is_list ? BTreeTupleGetPosting(entry) : &entry->t_tid;
	RowCounts counts{};
	for (int i = 0; i < rows; ++i) {
		const Fate fate = judge.fate(judge.self, row[i]);
		counts.kept += fate == Fate::Kept ? 1 : 0;
		counts.blocked += fate == Fate::Blocked ? 1 : 0;
	}
	return counts;
}

// A list is as long as it is for all of its rows: what VACUUM would make shorter is counted as such.
void account_entry(Account &account, std::uint32_t stored, std::uint32_t key, RowCounts rows) {
	const std::uint32_t kept = entry_size(key, rows.kept);
	const std::uint32_t seen = Min(stored, entry_size(key, rows.kept + rows.blocked));
	account.live += kept;
	account.blocked += seen - kept;
	account.vacuum_frees += stored - seen;
	if (rows.kept == 0) {
		(rows.blocked == 0 ? account.vacuum_frees : account.blocked) += page::line_pointer;
	}
}

void look_at_leaf(BtreeShape &shape, Page page, RowJudge judge, BtreePage &found) {
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = P_FIRSTDATAKEY(BTPageGetOpaque(page)); offset <= last; ++offset) {
		const ItemId item = PageGetItemId(page, offset);
		const auto entry = reinterpret_cast<IndexTuple>(PageGetItem(page, item));
		const std::uint32_t size = key_size(entry);
		const RowCounts rows = ItemIdIsDead(item) ? RowCounts{} : count_rows(entry, judge);
		account_entry(found.account, static_cast<std::uint32_t>(MAXALIGN(IndexTupleSize(entry))), size, rows);
		if (rows.kept + rows.blocked == 0) {
			continue;
		}
		const int equal = equal_columns(shape, entry, size);
		found.entries[found.entry_count++] = {
			.size = static_cast<std::uint16_t>(size),
			.pivot = static_cast<std::uint16_t>(pivot_size(shape, entry, size, equal)),
			.rows = static_cast<std::uint16_t>(rows.kept + rows.blocked),
			.is_repeated = equal == shape.keys,
		};
		shape.previous = entry;
	}
	if (shape.previous != nullptr && found.entry_count > 0) {
		memcpy(shape.memory, shape.previous, IndexTupleSize(shape.previous));
		shape.previous = reinterpret_cast<IndexTuple>(shape.memory);
	}
	const auto *const header = reinterpret_cast<PageHeader>(page);
	const std::int64_t hole = header->pd_upper - header->pd_lower;
	found.account.reserve = found.entry_count > 0 ? Min(hole, std::int64_t{shape.reserve}) : 0;
	found.account.free = hole - found.account.reserve;
	found.account.overhead = BLCKSZ - found.account.sum();
}

void look_at_inner_page(Page page, BtreePage &found) {
	found.account.overhead = BLCKSZ;
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = P_FIRSTDATAKEY(BTPageGetOpaque(page)); offset <= last; ++offset) {
		const auto pivot = reinterpret_cast<IndexTuple>(PageGetItem(page, PageGetItemId(page, offset)));
		found.children[found.child_count++] = BTreeTupleGetDownLink(pivot);
	}
}

/// Whether an entry is on its page, and its key and its list are in it.
bool is_sound(const BtreeShape &shape, Page page, ItemId item) {
	constexpr std::uint32_t longest = BLCKSZ / 3;
	const auto *const header = reinterpret_cast<PageHeader>(page);
	const std::uint32_t offset = ItemIdGetOffset(item);
	const std::uint32_t length = ItemIdGetLength(item);
	if (length < sizeof(IndexTupleData) || length > longest || offset != MAXALIGN(offset) ||
	    offset < header->pd_upper || offset + MAXALIGN(length) > header->pd_special) {
		return false;
	}
	const auto entry = reinterpret_cast<IndexTuple>(PageGetItem(page, item));
	const std::size_t size = IndexTupleSize(entry);
	if (size < sizeof(IndexTupleData) || size > length) {
		return false;
	}
	if (!P_ISLEAF(BTPageGetOpaque(page))) {
		return true;
	}
	std::size_t end = size;
	if (BTreeTupleIsPosting(entry)) {
		end = BTreeTupleGetPostingOffset(entry);
		if (end != MAXALIGN(end) || end + BTreeTupleGetNPosting(entry) * sizeof(ItemPointerData) > size) {
			return false;
		}
	}
	return end >= sizeof(IndexTupleData) &&
	       (shape.is_fixed || has_sound_values(entry, static_cast<std::uint32_t>(end), RelationGetDescr(shape.index)));
}

bool is_sound(const BtreeShape &shape, Page page) {
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	if (PageGetSpecialSize(page) != MAXALIGN(sizeof(BTPageOpaqueData)) || last > MaxIndexTuplesPerPage) {
		return false;
	}
	const auto *const opaque = BTPageGetOpaque(page);
	if (P_IGNORE(opaque)) {
		return true; // its entries are nobody's concern
	}
	for (OffsetNumber offset = P_FIRSTDATAKEY(opaque); offset <= last; ++offset) {
		if (!is_sound(shape, page, PageGetItemId(page, offset))) {
			return false;
		}
	}
	return true;
}

} // namespace

void check_page(const BtreeShape &shape, Page page, BlockNumber block) {
	if (!PageIsNew(page) && !is_sound(shape, page)) {
		ereport(
			ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
			errmsg("index \"%s\" contains corrupted page at block %u", RelationGetRelationName(shape.index), block));
	}
}

void add_leaf(BtreePacking &packing, const BtreePage &leaf) {
	for (std::uint16_t i = 0; i < leaf.entry_count; ++i) {
		const LeafEntry &entry = leaf.entries[i];
		packing.add({.size = entry.size, .pivot = entry.pivot, .is_repeated = entry.is_repeated});
		const std::uint32_t place = align(sizeof(ItemPointerData));
		for (std::uint16_t row = 1; row < entry.rows; ++row) {
			packing.add({.size = entry.size, .pivot = entry.size + place, .is_repeated = true});
		}
	}
}

BtreeShape begin_btree(Relation index, Relation heap, PageReader &reader) {
	const Page page = read_page(reader, BTREE_METAPAGE);
	const BTMetaPageData *const meta = BTPageGetMeta(page);
	if (PageIsNew(page) || meta->btm_magic != BTREE_MAGIC) {
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
		        errmsg("index \"%s\" is not a btree", RelationGetRelationName(index)));
	}
	const bool says_itself = meta->btm_version >= BTREE_NOVAC_VERSION && meta->btm_allequalimage;
	const bool may = !index->rd_index->indisunique && BTGetDeduplicateItems(index);
	const TupleDesc columns = RelationGetDescr(index);
	BtreeShape shape{};
	shape.index = index;
	shape.heap = heap;
	shape.columns = IndexRelationGetNumberOfAttributes(index);
	shape.keys = IndexRelationGetNumberOfKeyAttributes(index);
	shape.is_fixed = shape.columns == 1 && TupleDescAttr(columns, 0)->attlen > 0;
	shape.has_included = shape.columns != shape.keys;
	shape.reserve = static_cast<std::uint32_t>(BTGetTargetPageFreeSpace(index));
	shape.is_deduplicated = says_itself;
	shape.root = meta->btm_root;
	shape.deduplicates = may && would_deduplicate(index, says_itself);
	for (int n = 1; n < shape.columns; ++n) {
		shape.prefixes[n] = first_columns(columns, n);
	}
	shape.memory = static_cast<char *>(palloc(BLCKSZ));
	return shape;
}

void look_at_page(BtreeShape &shape, Page page, BlockNumber block, RowJudge judge, BtreePage &found) {
	found.kind = BtreePageKind::New;
	found.next = P_NONE;
	found.account = {};
	found.entry_count = 0;
	found.child_count = 0;
	if (PageIsNew(page)) {
		found.account.free = BLCKSZ;
		return;
	}
	check_page(shape, page, block);
	const BTPageOpaqueData *const opaque = BTPageGetOpaque(page);
	found.next = opaque->btpo_next;
	found.level = opaque->btpo_level;
	if (P_ISDELETED(opaque)) {
		found.kind = BtreePageKind::Deleted;
		(pg::is_recyclable(page, shape.heap) ? found.account.free : found.account.blocked) = BLCKSZ;
	} else if (P_ISHALFDEAD(opaque)) {
		found.kind = BtreePageKind::HalfDead;
		found.account.vacuum_frees = BLCKSZ;
	} else if (P_ISLEAF(opaque)) {
		found.kind = BtreePageKind::Leaf;
		look_at_leaf(shape, page, judge, found);
	} else {
		found.kind = BtreePageKind::Inner;
		look_at_inner_page(page, found);
	}
}

} // namespace warden::bloat
