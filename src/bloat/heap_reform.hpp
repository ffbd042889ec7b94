// heap_reform.hpp - How long a tuple is after a rewrite.
//
// All of this is server code.  VACUUM FULL takes each tuple apart and forms it anew: what columns held that were
// dropped goes; columns that were added with a default are filled in; and values are compressed and moved to the TOAST
// table by today's rules.  The invariant: the length is what the server would store; where it is plain that nothing
// changes, nothing is taken apart.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/toast_helper.h"
}

namespace warden::bloat {

struct HeapReform {
	Relation relation;
	TupleDesc descriptor;
	int columns;
	int filled_until;    ///< columns from here on have no default that older rows lack
	std::int64_t filled; ///< tuples that lacked one
	bool has_dropped;
	bool is_toast;        ///< its tuples are copied as they are
	MemoryContext memory; ///< for one tuple
	Datum *values;
	bool *nulls;
	ToastAttrInfo *toasting;
	union FetchedValue *fetched;
};

HeapReform begin_reforming(Relation relation);

/// The same, of a tuple with which something may happen.
std::uint16_t reformed_length(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length);

inline std::uint16_t length_after_rewrite(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length) {
	const bool is_same = HeapTupleHeaderGetNatts(tuple) == reform.columns && !reform.has_dropped &&
	                     (tuple->t_infomask & HEAP_HASEXTERNAL) == 0 && length <= TOAST_TUPLE_THRESHOLD;
	return is_same || reform.is_toast ? static_cast<std::uint16_t>(length) : reformed_length(reform, tuple, length);
}

} // namespace warden::bloat
