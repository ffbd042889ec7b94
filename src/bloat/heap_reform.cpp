#include "bloat/heap_reform.hpp"

#include "bloat/stored_values.hpp"
#include "bloat/tuple_fate.hpp"

#include <initializer_list>

extern "C" {
#include "access/detoast.h"
#include "access/toast_internals.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_type_d.h"
}

namespace warden::bloat {

/// A value that is in the TOAST table.
struct FetchedValue {
	alignas(int32) char head[VARHDRSZ]; ///< all that lengths are computed from
	Oid value;                          ///< its number there, or 0
	uint32 length;                      ///< as it is stored there
};

namespace {

// What is longer than a page is moved out, however long it is; and a thousand of them are not too long for a tuple.
constexpr int longest = 8 * BLCKSZ;

std::uint32_t header_length(int columns, bool has_nulls) {
	return MAXALIGN(SizeofHeapTupleHeader + (has_nulls ? BITMAPLEN(columns) : 0));
}

[[noreturn]] void report_damage(const HeapReform &reform) {
	ereport(ERROR,
	        (errcode(ERRCODE_DATA_CORRUPTED), errmsg("row (%u,%d) of \"%s\" does not hold what its columns are",
	                                                 ItemPointerGetBlockNumberNoCheck(&reform.row),
	                                                 static_cast<int>(ItemPointerGetOffsetNumberNoCheck(&reform.row)),
	                                                 RelationGetRelationName(reform.relation))));
}

void check_header(const HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length) {
	if (!has_sound_header(tuple, length)) {
		report_damage(reform);
	}
}

bool drops_something(const HeapReform &reform, HeapTupleHeader tuple) {
	const bool has_nulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	const int columns = HeapTupleHeaderGetNatts(tuple);
	for (int i = 0; i < Min(columns, reform.columns); ++i) {
		if (TupleDescAttr(reform.descriptor, i)->attisdropped && !(has_nulls && att_isnull(i, tuple->t_bits))) {
			return true;
		}
	}
	return false;
}

/// Takes a tuple apart, as the rewrite does; returns whether there are nulls.
bool deform(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length) {
	if (!has_sound_values(tuple, length, reform.descriptor)) {
		report_damage(reform);
	}
	HeapTupleData whole{};
	whole.t_data = tuple;
	whole.t_len = length;
	heap_deform_tuple(&whole, reform.descriptor, reform.values, reform.nulls);
	bool has_nulls = false;
	for (int i = 0; i < reform.columns; ++i) {
		reform.nulls[i] = reform.nulls[i] || TupleDescAttr(reform.descriptor, i)->attisdropped;
		has_nulls = has_nulls || reform.nulls[i];
	}
	return has_nulls;
}

std::uint32_t data_length(const HeapReform &reform) {
	return static_cast<std::uint32_t>(heap_compute_data_size(reform.descriptor, reform.values, reform.nulls));
}

// A value that was in the TOAST table comes back first, as it is stored there.  If it is not compressed there, it could
// not be.
void fetch(HeapReform &reform, int column) {
	const Form_pg_attribute attribute = TupleDescAttr(reform.descriptor, column);
	FetchedValue &fetched = reform.fetched[column];
	fetched.value = InvalidOid;
	auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(reform.values[column]));
	if (VARATT_IS_EXTERNAL_ONDISK(value)) {
		struct varatt_external pointer;
		VARATT_EXTERNAL_GET_POINTER(pointer, value);
		value = reinterpret_cast<struct varlena *>(fetched.head);
		fetched.value = pointer.va_valueid;
		fetched.length = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
		if (attribute->attstorage == TYPSTORAGE_PLAIN) {
			SET_VARSIZE(value, Min(pointer.va_rawsize, longest));
		} else if (fetched.length + VARHDRSZ < static_cast<uint32>(pointer.va_rawsize)) {
			SET_VARSIZE_COMPRESSED(value, Min(fetched.length + VARHDRSZ, longest));
		} else {
			SET_VARSIZE(value, Min(fetched.length + VARHDRSZ, longest));
		}
		reform.values[column] = PointerGetDatum(value);
	}
	reform.toasting[column].tai_size = static_cast<int32>(VARSIZE_ANY(value));
}

void begin_toasting(HeapReform &reform) {
	for (int i = 0; i < reform.columns; ++i) {
		const Form_pg_attribute attribute = TupleDescAttr(reform.descriptor, i);
		reform.toasting[i] = {
			.tai_oldexternal = nullptr, .tai_size = 0, .tai_colflags = 0, .tai_compression = attribute->attcompression};
		if (reform.nulls[i] || attribute->attlen != -1) {
			reform.toasting[i].tai_colflags = TOASTCOL_IGNORE;
			continue;
		}
		if (attribute->attstorage == TYPSTORAGE_PLAIN) {
			reform.toasting[i].tai_colflags = TOASTCOL_IGNORE;
		}
		fetch(reform, i);
	}
}

void compress(HeapReform &reform, ToastTupleContext &context, int column) {
	if (OidIsValid(reform.fetched[column].value)) {
		reform.toasting[column].tai_colflags |= TOASTCOL_INCOMPRESSIBLE;
	} else {
		toast_tuple_try_compression(&context, column);
	}
}

/// Whether it is the first time that such a value is seen, or there is no memory for more of them.
bool is_first(HeapReform &reform, Oid value) {
	if (reform.shared == nullptr) {
		HASHCTL control{};
		control.keysize = sizeof(Oid);
		control.entrysize = sizeof(Oid);
		control.hcxt = GetMemoryChunkContext(reform.values);
		reform.shared = hash_create("warden values", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	constexpr Size entry = 32;
	const Size size = static_cast<Size>(hash_get_num_entries(reform.shared)) * entry;
	const bool has_room = size < static_cast<Size>(maintenance_work_mem) * 1024;
	bool found = false;
	hash_search(reform.shared, &value, has_room ? HASH_ENTER : HASH_FIND, &found);
	return !found;
}

// Values are cut into chunks, which are tuples of the TOAST table: a number, another one, and bytes.
void add_chunks(HeapPacking &packing, std::uint32_t length) {
	constexpr std::uint32_t header = MAXALIGN(SizeofHeapTupleHeader) + sizeof(Oid) + sizeof(int32) + VARHDRSZ;
	constexpr auto most = static_cast<std::uint32_t>(TOAST_MAX_CHUNK_SIZE);
	for (std::uint32_t left = length; left > 0; left -= Min(left, most)) {
		packing.add(header + Min(left, most));
	}
}

void move_out(HeapReform &reform, int column, bool is_shared) {
	FetchedValue &fetched = reform.fetched[column];
	if (reform.moved != nullptr) {
		const char *const value = DatumGetPointer(reform.values[column]);
		if (!OidIsValid(fetched.value)) {
			add_chunks(*reform.moved, VARSIZE_ANY_EXHDR(value));
		} else if (!is_shared || is_first(reform, fetched.value)) {
			add_chunks(*reform.moved, fetched.length);
		}
	}
	reform.toasting[column].tai_colflags |= TOASTCOL_IGNORE;
	SET_VARTAG_EXTERNAL(fetched.head, VARTAG_ONDISK);
	reform.values[column] = PointerGetDatum(fetched.head);
}

// Of such a tuple another version may be kept, before or after it.
bool has_versions(const HeapReform &reform, HeapTupleHeader tuple) {
	const bool has_later = (tuple->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask);
	return has_later || is_recent_version(tuple, reform.horizon);
}

// The four rounds of the server: compress, move out, and both for columns that would rather stay.
void toast(HeapReform &reform, std::uint32_t header, bool is_shared) {
	begin_toasting(reform);
	ToastTupleContext context{};
	context.ttc_rel = reform.relation;
	context.ttc_values = reform.values;
	context.ttc_isnull = reform.nulls;
	context.ttc_attr = reform.toasting;
	const bool can_move = OidIsValid(reform.relation->rd_rel->reltoastrelid);
	for (const bool is_main : {false, true}) {
		const auto target = RelationGetToastTupleTarget(reform.relation, TOAST_TUPLE_TARGET) - header;
		int column = 0;
		while (data_length(reform) > target &&
		       (column = toast_tuple_find_biggest_attribute(&context, true, is_main)) >= 0) {
			ToastAttrInfo &info = reform.toasting[column];
			if (is_main || TupleDescAttr(reform.descriptor, column)->attstorage == TYPSTORAGE_EXTENDED) {
				compress(reform, context, column);
			} else {
				info.tai_colflags |= TOASTCOL_INCOMPRESSIBLE;
			}
			if (!is_main && can_move && static_cast<std::uint32_t>(info.tai_size) > target) {
				move_out(reform, column, is_shared);
			}
		}
		const auto most = is_main ? static_cast<std::uint32_t>(TOAST_TUPLE_TARGET_MAIN) - header : target;
		while (can_move && data_length(reform) > most &&
		       (column = toast_tuple_find_biggest_attribute(&context, false, is_main)) >= 0) {
			move_out(reform, column, is_shared);
		}
	}
}

/// Remembers what was added to a tuple that was taken apart.
void learn_addition(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length, std::uint32_t formed_data) {
	Addition &addition = reform.addition;
	const int columns = HeapTupleHeaderGetNatts(tuple);
	if (addition.columns != columns) {
		addition = {.columns = columns, .has_null = false, .bytes = {-1, -1, -1, -1, -1, -1, -1, -1}};
		for (int i = columns; i < reform.columns; ++i) {
			addition.has_null = addition.has_null || reform.nulls[i];
		}
	}
	const std::uint32_t data = length - tuple->t_hoff;
	addition.bytes[data % 8] = static_cast<int>(formed_data - data);
}

/// The length of a tuple whose data stay, with what is added; 0 if that is not known yet.
std::uint32_t extended_length(const HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length, bool is_filled) {
	const int columns = HeapTupleHeaderGetNatts(tuple);
	const std::uint32_t data = length - tuple->t_hoff;
	const bool has_null = (tuple->t_infomask & HEAP_HASNULL) != 0;
	if (!is_filled) {
		return header_length(reform.columns, has_null || columns < reform.columns) + data;
	}
	const Addition &addition = reform.addition;
	const int added = addition.bytes[data % 8];
	if (columns != addition.columns || added < 0) {
		return 0;
	}
	return header_length(reform.columns, has_null || addition.has_null) + data + static_cast<std::uint32_t>(added);
}

} // namespace

HeapReform begin_reforming(Relation relation, TransactionId horizon) {
	HeapReform reform{};
	reform.relation = relation;
	reform.horizon = horizon;
	reform.descriptor = RelationGetDescr(relation);
	reform.columns = reform.descriptor->natts;
	reform.is_toast = relation->rd_rel->relkind == RELKIND_TOASTVALUE;
	for (int i = 0; i < reform.columns; ++i) {
		const Form_pg_attribute attribute = TupleDescAttr(reform.descriptor, i);
		reform.has_dropped = reform.has_dropped || attribute->attisdropped;
		reform.has_packable =
			reform.has_packable || (attribute->attlen == -1 && attribute->attstorage != TYPSTORAGE_PLAIN);
		if (attribute->atthasmissing) {
			reform.filled_until = i + 1;
		}
	}
	const auto columns = static_cast<Size>(reform.columns);
	reform.memory = AllocSetContextCreate(CurrentMemoryContext, "warden tuple", ALLOCSET_DEFAULT_SIZES);
	reform.values = static_cast<Datum *>(palloc(columns * sizeof(Datum)));
	reform.nulls = static_cast<bool *>(palloc(columns * sizeof(bool)));
	reform.toasting = static_cast<ToastAttrInfo *>(palloc(columns * sizeof(ToastAttrInfo)));
	reform.fetched = static_cast<FetchedValue *>(palloc(columns * sizeof(FetchedValue)));
	return reform;
}

void notice_unpacked(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length) {
	if (reform.has_packable && !reform.has_unpacked && !reform.is_toast &&
	    HeapTupleHeaderGetNatts(tuple) == reform.columns) {
		check_header(reform, tuple, length);
		const bool has_nulls = deform(reform, tuple, length);
		reform.has_unpacked = header_length(reform.columns, has_nulls) + data_length(reform) < length &&
		                      !(reform.has_dropped && drops_something(reform, tuple));
	}
}

std::uint16_t reformed_length(HeapReform &reform, HeapTupleHeader tuple, std::uint32_t length) {
	check_header(reform, tuple, length);
	const bool has_external = (tuple->t_infomask & HEAP_HASEXTERNAL) != 0;
	const bool is_filled = HeapTupleHeaderGetNatts(tuple) < reform.filled_until;
	reform.filled += is_filled ? 1 : 0;
	// Where the data stay, and something is added at most, nothing has to be taken apart.
	const bool stays = !reform.has_unpacked && !(reform.has_dropped && drops_something(reform, tuple));
	if (stays && !has_external) {
		const std::uint32_t formed = extended_length(reform, tuple, length, is_filled);
		if (formed != 0 && formed <= TOAST_TUPLE_THRESHOLD) {
			return static_cast<std::uint16_t>(formed);
		}
	}
	const bool has_nulls = deform(reform, tuple, length);
	const std::uint32_t header = header_length(reform.columns, has_nulls);
	std::uint32_t formed = header + data_length(reform);
	if (stays && is_filled) {
		learn_addition(reform, tuple, length, formed - header);
	}
	if (has_external || formed > TOAST_TUPLE_THRESHOLD) {
		const MemoryContext caller = MemoryContextSwitchTo(reform.memory);
		toast(reform, header, has_versions(reform, tuple));
		formed = header + data_length(reform);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(reform.memory);
	}
	return static_cast<std::uint16_t>(Min(formed, static_cast<std::uint32_t>(MaxHeapTupleSize)));
}

} // namespace warden::bloat
