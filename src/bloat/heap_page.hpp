// heap_page.hpp - What is on one page of a heap.
//
// Server code.  The invariant: its account sums to the page, and the lengths are those that a rewrite would store.
//
//	HeapExaminer examiner = begin_examining(relation, horizon_of(relation));
//	examine(examiner, read_page(reader, block), block, page);
#pragma once

#include "bloat/byte_account.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/heap_reform.hpp"
#include "bloat/tuple_fate.hpp"

extern "C" {
#include "storage/bufpage.h"
}

namespace warden::bloat {

struct HeapPage {
	Account account;
	std::uint16_t kept;                       ///< tuples that a rewrite keeps, those that are blocked among them
	std::uint16_t dead;                       ///< that VACUUM removes
	std::uint16_t blocked;                    ///< that it must leave
	std::uint16_t recent;                     ///< of those that are kept: blocked, or recent versions
	std::uint16_t lengths[page::most_tuples]; ///< of those that are kept, as a rewrite stores them, in their order
	OffsetNumber items[page::most_tuples];    ///< of the same
	bool is_blocked[page::most_tuples];       ///< of the same
};

/// What is made once for all pages of a relation.
struct HeapExaminer {
	std::uint32_t reserve; ///< what a page is left empty for, by the fill factor
	Fates fates;
	HeapReform reform;
};

/// Who is older may see what has been deleted since; on a standby too.
TransactionId horizon_of(Relation relation);

/// The relation is open and locked, and stays so.  What it takes lasts as long as the current memory context.
HeapExaminer begin_examining(Relation relation, TransactionId horizon);

/// The page is a copy of a block that is pinned.  What cannot be a page of a heap is an error (XX001).
void examine(HeapExaminer &examiner, Page page, BlockNumber block, HeapPage &found);

/// The same for a copy of the heads of its tuples only; their bodies are in the other page.
void examine_heads(HeapExaminer &examiner, Page page, Page bodies, BlockNumber block, HeapPage &found);

} // namespace warden::bloat
