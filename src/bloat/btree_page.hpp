// btree_page.hpp - What is on one page of a B-tree, and the entries that a rebuild would make of it.
//
// Server code.  The invariants: the account sums to the page; an entry stands for itself and for the rows of its list;
// and no operator of an operator class is asked: what is equal byte for byte is equal, which is also what CREATE INDEX
// goes by when it deduplicates.  (For the keys that tell a page from the next one it asks the operators: keys that are
// equal without being the same, as 1.0 and 1.00, make some of those 8 bytes longer than they are taken for here.)
#pragma once

#include "bloat/btree_packing.hpp"
#include "bloat/byte_account.hpp"
#include "bloat/page_reader.hpp"
#include "bloat/tuple_fate.hpp"

extern "C" {
#include "access/nbtree.h"
}

namespace warden::bloat {

/// An index, as far as its pages do not say it themselves.
struct BtreeShape {
	Relation index;
	Relation heap;
	int columns;
	int keys;          ///< those that it is sorted by
	bool is_fixed;     ///< of one column, of a fixed length
	bool has_included; ///< it has other columns than those
	std::uint32_t reserve;
	bool deduplicates;                      ///< a rebuild would do so
	bool is_deduplicated;                   ///< this one may be so
	BlockNumber root;                       ///< or P_NONE
	TupleDesc prefixes[INDEX_MAX_KEYS + 1]; ///< of the first n columns
	IndexTuple previous;                    ///< the entry that was kept last, or null: the next one does not follow it
	char *memory;                           ///< for that
};

/// Says what becomes of the row that an entry is of.
struct RowJudge {
	Fate (*fate)(void *self, const ItemPointerData &row); ///< null: all rows are kept
	void *self;
};

enum class BtreePageKind : std::uint8_t {
	Leaf,
	Inner,
	HalfDead, ///< empty, and about to be deleted
	Deleted,
	New
};

/// An entry that a rebuild has.
struct LeafEntry {
	std::uint16_t size;  ///< without its list
	std::uint16_t pivot; ///< see BtreeEntry
	std::uint16_t rows;
	bool is_repeated;
};

struct BtreePage {
	BtreePageKind kind;
	std::uint32_t level;
	BlockNumber next; ///< to the right, or P_NONE
	Account account;
	std::uint16_t entry_count; ///< of a leaf
	std::uint16_t child_count; ///< of an inner page
	LeafEntry entries[MaxIndexTuplesPerPage];
	BlockNumber children[MaxIndexTuplesPerPage];
};

/// Reads the first page.
BtreeShape begin_btree(Relation index, Relation heap, PageReader &reader);

/// Raises an error (XX002) if what is on the page is not where the page says, so that the rest may believe it.
void check_page(const BtreeShape &shape, Page page, BlockNumber block);

void look_at_page(BtreeShape &shape, Page page, BlockNumber block, RowJudge judge, BtreePage &found);

/// The entries of a leaf, one for each row.
void add_leaf(BtreePacking &packing, const BtreePage &leaf);

/// Calls visit(row) for each row of a leaf, but for those whose entries are marked as dead.
template <class Visit>
void visit_rows(Page page, Visit &&visit) {
	const OffsetNumber last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = P_FIRSTDATAKEY(BTPageGetOpaque(page)); offset <= last; ++offset) {
		const ItemId item = PageGetItemId(page, offset);
		if (ItemIdIsDead(item)) {
			continue;
		}
		const auto tuple = reinterpret_cast<IndexTuple>(PageGetItem(page, item));
		const int rows = BTreeTupleIsPosting(tuple) ? BTreeTupleGetNPosting(tuple) : 1;
		const ItemPointerData *const row = BTreeTupleIsPosting(tuple) ? BTreeTupleGetPosting(tuple) : &tuple->t_tid;
		for (int i = 0; i < rows; ++i) {
			visit(row[i]);
		}
	}
}

} // namespace warden::bloat
