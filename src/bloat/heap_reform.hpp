// heap_reform.hpp - How long a tuple is after a rewrite.
//
// All of this is server code.  VACUUM FULL takes each tuple apart and forms it anew: what columns held that were
// dropped goes; columns that were added with a default are filled in; and values are compressed and moved to the TOAST
// table by today's rules.  The invariant: the length is what the server would store; where it is plain that nothing
// changes, nothing is taken apart.
#pragma once

#include "bloat/heap_packing.hpp"

#include "pg/server.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/toast_helper.h"
#include "utils/hsearch.h"
}

namespace warden::bloat {

/// What defaults add to rows that end before them: always the same, but for alignment.
struct Addition {
	int columns;   ///< of these rows; 0: nothing is known yet
	bool has_null; ///< among what is added
	int bytes[8];  ///< by the last bits of the length of their data; -1 if it is not known
};

struct HeapReform {
	Relation relation;
	ItemPointerData row; ///< that is looked at, for who has to tell of it
	TransactionId horizon;
	TupleDesc descriptor;
	int columns;
	int filled_until;    ///< columns from here on have no default that older rows lack
	std::int64_t filled; ///< tuples that lacked one
	Addition addition;
	bool has_dropped;
	bool has_packable;    ///< columns whose short values have short headers, if they were not stored before that was so
	bool has_unpacked;    ///< there are such values
	bool is_toast;        ///< its tuples are copied as they are
	MemoryContext memory; ///< for one tuple
	Datum *values;
	bool *nulls;
	ToastAttrInfo *toasting;
	struct FetchedValue *fetched;
	HeapPacking *moved; ///< the TOAST table of the rewrite; null if it is nobody's concern
	HTAB *shared;       ///< values that two versions of a row may refer to, which is written once
};

HeapReform begin_reforming(Relation relation, TransactionId horizon);

/// Looks whether a tuple has changed otherwise than one can tell from its header: since SET STORAGE.  One tuple of each
/// page is enough to find out.
void notice_unpacked(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length);

/// The length of a tuple to which something may happen.
std::uint16_t reformed_length(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length);

/// The head is a copy, of which what follows it may be missing.
inline std::uint16_t length_after_rewrite(HeapReform &reform, HeapTupleHeader head, HeapTupleHeader whole,
                                          std::uint32_t length) {
	const bool is_same = HeapTupleHeaderGetNatts(head) == reform.columns && !reform.has_dropped &&
	                     !reform.has_unpacked && (head->t_infomask & HEAP_HASEXTERNAL) == 0 &&
	                     length <= TOAST_TUPLE_THRESHOLD;
	return is_same || reform.is_toast ? static_cast<std::uint16_t>(length) : reformed_length(reform, whole, length);
}

} // namespace warden::bloat
