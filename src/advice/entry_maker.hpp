// entry_maker.hpp - What an index that does not exist would have of a row.
//
// Server code.  It runs code of the table's owner (expressions, predicate) and of operator classes: as the owner, in a
// restricted operation.
#pragma once

#include "advice/index_columns.hpp"
#include "advice/key_population.hpp"

extern "C" {
#include "access/htup_details.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
}

namespace warden::advice {

/// Plain, in server memory.
struct EntryMaker {
	Oid method;
	int keys;
	IndexInfo *info;
	EState *state;
	ExprState *predicate;
	TupleTableSlot *slot;
	TupleDesc entry;      ///< a tuple of the index
	TupleDesc *key_tuple; ///< of a GIN index, a tuple of a key of that column
	FmgrInfo *functions;  ///< of each key, what takes it apart (GIN) or shortens it (GiST), if fn_oid is set
	StoredType *types;
	Datum values[INDEX_MAX_KEYS]; ///< of the row that was given last, with its expressions; until the next one
	bool nulls[INDEX_MAX_KEYS];
};

/// What it makes is in the current memory context.
EntryMaker *make_entry_maker(const IndexShape &shape, Relation table);

/// Whether the index has the row, and if so, its values.
bool take_row(EntryMaker *maker, HeapTuple row);

/// Entries of that row: of a GIN index each key, of another one the entry.  Hash and size; shown one by one.
using ShowKey = void (*)(void *context, std::uint64_t hash, std::uint32_t size);
void make_entries(EntryMaker *maker, ShowKey show, void *context);

std::uint64_t hash_of(Datum value, bool is_by_value, int16 length);

void end_entry_maker(EntryMaker *maker);

} // namespace warden::advice
