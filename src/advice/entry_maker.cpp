#include "advice/entry_maker.hpp"

extern "C" {
#include "access/gin_private.h"
#include "access/gist.h"
#include "access/itup.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

namespace {

constexpr std::uint32_t longest_btree_entry = 2704;
constexpr std::uint32_t worth_compressing = 2000; // so near to the longest key that it matters

template <class T>
T *array_of(int count) {
	// NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer
	return static_cast<T *>(palloc0(sizeof(T) * Max(count, 1)));
}

IndexInfo *make_info(const IndexShape &shape) {
	auto *const info = makeNode(IndexInfo);
	info->ii_Am = shape.method;
	info->ii_NumIndexKeyAttrs = static_cast<int>(shape.keys.size());
	info->ii_NumIndexAttrs = static_cast<int>(shape.keys.size() + shape.included.size());
	info->ii_Context = CurrentMemoryContext;
	int i = 0;
	for (const IndexKey &key : shape.keys) {
		info->ii_IndexAttrNumbers[i++] = key.column;
		if (key.is_expression()) {
			info->ii_Expressions = lappend(info->ii_Expressions, stringToNode(key.expression.c_str()));
		}
	}
	for (const std::int16_t column : shape.included) {
		info->ii_IndexAttrNumbers[i++] = column;
	}
	if (!shape.predicate.empty()) {
		info->ii_Predicate = static_cast<List *>(stringToNode(shape.predicate.c_str()));
	}
	return info;
}

int support_function(Oid method) {
	if (method == GIN_AM_OID) {
		return GIN_EXTRACTVALUE_PROC;
	}
	return method == GIST_AM_OID ? GIST_COMPRESS_PROC : 0;
}

void describe_column(EntryMaker *maker, int i, const StoredType &type) {
	maker->types[i] = type;
	TupleDescInitEntry(maker->entry, static_cast<AttrNumber>(i + 1), nullptr, type.type, type.typmod, 0);
}

void find_function(EntryMaker *maker, int i, const IndexKey &key) {
	const int number = support_function(maker->method);
	const Oid function = number != 0
	                         ? get_opfamily_proc(key.family, key.input_type, key.input_type, static_cast<int16>(number))
	                         : InvalidOid;
	if (OidIsValid(function)) {
		fmgr_info(function, &maker->functions[i]);
	}
}

/// The operator class, if what it has its index store is what is made of a value here.
Oid class_that_stores(const EntryMaker *maker, int i, const IndexKey &key) {
	return maker->method == BTREE_AM_OID || OidIsValid(maker->functions[i].fn_oid) ? key.opclass : InvalidOid;
}

void describe_key(EntryMaker *maker, int i, const IndexKey &key, const StoredType &type) {
	describe_column(maker, i, type);
	maker->types[i].collation = key.collation;
	if (maker->method == GIN_AM_OID) {
		// With several columns each key says which it is of.
		const bool has_number = maker->keys > 1;
		const TupleDesc tuple = CreateTemplateTupleDesc(has_number ? 2 : 1);
		if (has_number) {
			TupleDescInitEntry(tuple, 1, nullptr, INT2OID, -1, 0);
		}
		TupleDescInitEntry(tuple, has_number ? 2 : 1, nullptr, maker->types[i].type, maker->types[i].typmod, 0);
		maker->key_tuple[i] = tuple;
	}
}

std::uint64_t hash_bytes(const void *bytes, std::size_t size, std::uint64_t seed) {
	return hash_bytes_extended(static_cast<const unsigned char *>(bytes), static_cast<int>(size), seed);
}

void refuse_long_entry(const EntryMaker *maker, std::uint32_t size) {
	if (maker->method == BTREE_AM_OID && size > longest_btree_entry) {
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		        errmsg("an index row of %u bytes exceeds the maximum of %u", size, longest_btree_entry));
	}
}

void make_tuple(EntryMaker *maker, Datum *values, bool *nulls, ShowKey show, void *context) {
	IndexTupleData *const tuple = index_form_tuple(maker->entry, values, nulls);
	const auto size = static_cast<std::uint32_t>(IndexTupleSize(tuple));
	refuse_long_entry(maker, size);
	show(context, hash_bytes(tuple + 1, size - sizeof(IndexTupleData), 0), size);
}

Datum compressed(const EntryMaker *maker, int i) {
	if (!OidIsValid(maker->functions[i].fn_oid)) {
		return maker->values[i];
	}
	GISTENTRY entry;
	gistentryinit(entry, maker->values[i], nullptr, nullptr, 0, true);
	const Datum result = FunctionCall1Coll(&maker->functions[i], maker->types[i].collation, PointerGetDatum(&entry));
	return reinterpret_cast<const GISTENTRY *>(DatumGetPointer(result))->key;
}

/// The size of a GIN key's tuple without the list of its rows.
std::uint32_t size_of_key(EntryMaker *maker, int i, Datum key, bool is_null) {
	const TupleDesc tuple = maker->key_tuple[i];
	Datum values[2] = {UInt16GetDatum(i + 1), key};
	bool nulls[2] = {false, is_null};
	const int skipped = tuple->natts == 1 ? 1 : 0;
	const Size header = is_null ? sizeof(IndexTupleData) + sizeof(IndexAttributeBitMapData) : sizeof(IndexTupleData);
	Size size = MAXALIGN(MAXALIGN(header) + heap_compute_data_size(tuple, values + skipped, nulls + skipped));
	if (size > worth_compressing) {
		size = IndexTupleSize(index_form_tuple(tuple, values + skipped, nulls + skipped));
	}
	if (size > static_cast<Size>(GinMaxItemSize)) {
		ereport(
			ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("an index key of %zu bytes exceeds the maximum of %zu", size, static_cast<Size>(GinMaxItemSize)));
	}
	return static_cast<std::uint32_t>(size);
}

int compare_hashes(const void *left, const void *right) {
	const auto a = *static_cast<const std::uint64_t *>(left);
	const auto b = *static_cast<const std::uint64_t *>(right);
	return a < b ? -1 : (a > b ? 1 : 0);
}

struct Extracted {
	std::uint64_t hash;
	int place;
};

/// The keys of a column of a row, each once.
void extract_keys(EntryMaker *maker, int i, ShowKey show, void *context) {
	const auto seed = static_cast<std::uint64_t>(i);
	int32 count = 0;
	bool *nulls = nullptr;
	Datum *keys = nullptr;
	if (!maker->nulls[i] && OidIsValid(maker->functions[i].fn_oid)) {
		keys = reinterpret_cast<Datum *>(
			DatumGetPointer(FunctionCall3Coll(&maker->functions[i], maker->types[i].collation, maker->values[i],
		                                      PointerGetDatum(&count), PointerGetDatum(&nulls))));
	}
	if (keys == nullptr || count <= 0) { // an entry says so: of a value that is null, and of one without keys
		show(context, hash_bytes(&maker->nulls[i], sizeof(bool), seed), size_of_key(maker, i, 0, true));
		return;
	}
	const StoredType &type = maker->types[i];
	auto *const extracted = array_of<Extracted>(count);
	for (int32 n = 0; n < count; ++n) {
		const bool is_null = nulls != nullptr && nulls[n];
		const std::uint64_t hash = is_null ? 0 : hash_of(keys[n], type.is_by_value, type.length);
		extracted[n] = {hash_bytes(&hash, sizeof(hash), seed), n};
	}
	qsort(extracted, count, sizeof(Extracted), compare_hashes);
	for (int32 n = 0; n < count; ++n) {
		if (n == 0 || extracted[n].hash != extracted[n - 1].hash) {
			const int place = extracted[n].place;
			const bool is_null = nulls != nullptr && nulls[place];
			show(context, extracted[n].hash, size_of_key(maker, i, keys[place], is_null));
		}
	}
}

} // namespace

std::uint64_t hash_of(Datum value, bool is_by_value, int16 length) {
	if (is_by_value) {
		return hash_bytes(&value, sizeof(value), 0);
	}
	if (length == -1) {
		const auto *const plain = PG_DETOAST_DATUM_PACKED(value);
		return hash_bytes(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain), 0);
	}
	return hash_bytes(DatumGetPointer(value), datumGetSize(value, false, length), 0);
}

EntryMaker *make_entry_maker(const IndexShape &shape, Relation table) {
	auto *const maker = array_of<EntryMaker>(1);
	maker->method = shape.method;
	maker->keys = static_cast<int>(shape.keys.size());
	maker->info = make_info(shape);
	maker->entry = CreateTemplateTupleDesc(maker->info->ii_NumIndexAttrs);
	maker->key_tuple = array_of<TupleDesc>(maker->keys);
	maker->functions = array_of<FmgrInfo>(maker->keys);
	maker->types = array_of<StoredType>(maker->info->ii_NumIndexAttrs);
	int i = 0;
	int expression = 0;
	for (const IndexKey &key : shape.keys) {
		auto *const node =
			static_cast<Node *>(key.is_expression() ? list_nth(maker->info->ii_Expressions, expression++) : nullptr);
		find_function(maker, i, key);
		describe_key(maker, i, key, stored_type(table, key.column, node, class_that_stores(maker, i, key)));
		++i;
	}
	for (const std::int16_t column : shape.included) {
		describe_column(maker, i++, stored_type(table, column, nullptr, InvalidOid));
	}
	maker->state = CreateExecutorState();
	maker->slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
	GetPerTupleExprContext(maker->state)->ecxt_scantuple = maker->slot;
	maker->predicate = ExecPrepareQual(maker->info->ii_Predicate, maker->state);
	return maker;
}

bool take_row(EntryMaker *maker, HeapTuple row) {
	ResetPerTupleExprContext(maker->state);
	ExecStoreHeapTuple(row, maker->slot, false);
	if (!ExecQual(maker->predicate, GetPerTupleExprContext(maker->state))) {
		return false;
	}
	FormIndexDatum(maker->info, maker->slot, maker->state, maker->values, maker->nulls);
	return true;
}

void make_entries(EntryMaker *maker, ShowKey show, void *context) {
	const MemoryContext previous = MemoryContextSwitchTo(GetPerTupleMemoryContext(maker->state));
	if (maker->method == GIN_AM_OID) {
		for (int i = 0; i < maker->keys; ++i) {
			extract_keys(maker, i, show, context);
		}
	} else {
		Datum stored[INDEX_MAX_KEYS];
		for (int i = 0; i < maker->info->ii_NumIndexAttrs; ++i) {
			const bool is_key = maker->method == GIST_AM_OID && i < maker->keys && !maker->nulls[i];
			stored[i] = is_key ? compressed(maker, i) : maker->values[i];
		}
		make_tuple(maker, stored, maker->nulls, show, context);
	}
	MemoryContextSwitchTo(previous);
}

void end_entry_maker(EntryMaker *maker) {
	ExecDropSingleTupleTableSlot(maker->slot);
	FreeExecutorState(maker->state);
}

} // namespace warden::advice
