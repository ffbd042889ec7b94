// imported_row.hpp - A row of another's log as an event of ours.
//
// All of this is server code; what it returns is in the current memory context.  The invariant: a value is written as
// capture would write it, or, where its column's type of today cannot read it or there is no such column, as the JSON
// that the other log has; and the event says by its form which it is.
#pragma once

#include "audit/decoders.hpp"
#include "audit/log_writer.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace warden::audit {

/// A column of the table that was logged, as far as it is known.
struct ImportedColumn {
	std::string_view name;
	bool is_key;
	bool is_left_out; ///< of our log
	bool is_typed;    ///< its type is there, and with it:
	Encoder encoder;
	Decoder decoder;
	std::int64_t failures; ///< values that are none of its type
};

struct ImportedTable {
	ImportedColumn *columns; ///< in the order of the keys in jsonb
	std::size_t count;
	std::size_t keys;
	bool has_number_key;
	bool has_texts;
	bool has_changes;
	bool is_open; ///< columns that are not known are logged, too
	Encoder json; ///< for them
	MemoryContext memory;
	List *unknown;         ///< their names
	std::int64_t left_out; ///< values of columns that are not
};

/// How to read and write values of its type.
void learn_type(ImportedColumn &column, Oid type);

struct PeerRow {
	std::int64_t id;
	char operation;
	bool is_statement;
	TimestampTz at;
	TimestampTz began; ///< its transaction
	Datum before;      ///< 0 if there is none
	Datum after;
	const char *role; ///< null if it is not known
	const char *application;
	const char *client;
	Datum context;
};
/// With copies of all that the tuple has.
PeerRow read_peer_row(HeapTuple tuple, TupleDesc description);

/// How the columns of an event are to be read: by the types of today, but for some that are text; also without a key.
enum class Form : std::uint8_t { Typed, Untyped, Keyless };
inline constexpr int forms = 3;

struct ImportedRow {
	bool is_change; ///< false: nothing is different
	Form form;
	std::int16_t flags;
	bool has_key;
	std::int64_t key_number;
	Jsonb *key, *before, *after;
	bool leaves; ///< it has another key after it:
	std::int64_t next_number;
	Jsonb *next_key;
	Jsonb *old_key; ///< the key before as an object
};

/// Converts one.  With `is_careful` a value that its type does not take is kept as it is; else that is an error.
ImportedRow convert(ImportedTable &table, const PeerRow &row, bool is_careful);

} // namespace warden::audit
