#include "bloat/stored_values.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/tupmacs.h"
}

namespace warden::bloat {

namespace {

struct Bytes {
	const char *begin;
	std::size_t size;
};

/// The length of a value that says so itself; 0 if it says nothing that can be.
std::size_t stated_length(Bytes value, bool may_be_elsewhere) {
	const auto *const begin = reinterpret_cast<const struct varlena *>(value.begin);
	if (VARATT_IS_1B_E(begin)) {
		// Others have a pointer in them, and are never stored.
		const bool is_elsewhere = value.size >= TOAST_POINTER_SIZE && VARTAG_EXTERNAL(begin) == VARTAG_ONDISK;
		return may_be_elsewhere && is_elsewhere ? TOAST_POINTER_SIZE : 0;
	}
	if (VARATT_IS_1B(begin)) {
		return VARSIZE_1B(begin);
	}
	if (value.size < VARHDRSZ) {
		return 0;
	}
	const std::size_t least = VARATT_IS_4B_C(begin) ? VARHDRSZ_COMPRESSED : VARHDRSZ;
	return VARSIZE_4B(begin) >= least ? VARSIZE_4B(begin) : 0;
}

/// nulls: null if there are none.
bool are_sound(Bytes data, TupleDesc columns, int count, const bits8 *nulls, bool may_be_elsewhere) {
	std::size_t offset = 0;
	for (int i = 0; i < count; ++i) {
		if (nulls != nullptr && att_isnull(i, const_cast<bits8 *>(nulls))) {
			continue;
		}
		const Form_pg_attribute column = TupleDescAttr(columns, i);
		const bool is_short = column->attlen == -1 && offset < data.size && VARATT_NOT_PAD_BYTE(data.begin + offset);
		offset = is_short ? offset : att_align_nominal(offset, column->attalign);
		if (offset >= data.size) {
			return false;
		}
		const Bytes value{data.begin + offset, data.size - offset};
		std::size_t length = 0;
		if (column->attlen == -1) {
			length = stated_length(value, may_be_elsewhere);
		} else if (column->attlen == -2) {
			length = strnlen(value.begin, value.size) + 1;
		} else {
			length = static_cast<std::size_t>(column->attlen);
		}
		if (length == 0 || length > value.size) {
			return false;
		}
		offset += length;
	}
	return true;
}

} // namespace

bool has_sound_header(HeapTupleHeader tuple, std::uint32_t length) {
	const bool has_nulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	const std::size_t nulls = has_nulls ? BITMAPLEN(HeapTupleHeaderGetNatts(tuple)) : 0;
	return length >= SizeofHeapTupleHeader && tuple->t_hoff >= SizeofHeapTupleHeader + nulls &&
	       tuple->t_hoff <= length && tuple->t_hoff == MAXALIGN(tuple->t_hoff);
}

bool has_sound_values(HeapTupleHeader tuple, std::uint32_t length, TupleDesc columns) {
	const bool has_nulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	return are_sound({reinterpret_cast<const char *>(tuple) + tuple->t_hoff, length - tuple->t_hoff}, columns,
	                 Min(static_cast<int>(HeapTupleHeaderGetNatts(tuple)), columns->natts),
	                 has_nulls ? tuple->t_bits : nullptr, true);
}

bool has_sound_values(IndexTuple entry, std::uint32_t end, TupleDesc columns) {
	const std::size_t begin = IndexInfoFindDataOffset(entry->t_info);
	const auto *const bytes = reinterpret_cast<const char *>(entry);
	const auto *const nulls =
		IndexTupleHasNulls(entry) ? reinterpret_cast<const bits8 *>(bytes + sizeof(IndexTupleData)) : nullptr;
	return begin <= end && are_sound({bytes + begin, end - begin}, columns, columns->natts, nulls, false);
}

} // namespace warden::bloat
