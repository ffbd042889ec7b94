// log_writer.hpp - Events into the log: one row in the heap, one entry in an index.
//
// All of this is server code.  The invariants: a row never fails to find its partition, whatever maintenance does;
// nobody waits for a writer but who would drop or attach the very partition that he writes to; and no right is asked of
// the writer, nor any code of a user's run: the log is the extension's, and written by nobody else.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "utils/jsonb.h"
}

namespace warden::audit {

/// What happened to a row, as the log has it.
enum class Operation : char {
	Insert = 'I',
	Update = 'U',
	Delete = 'D',
	Truncate = 'T', ///< a row that TRUNCATE took; without one, the statement
	Key = 'K'       ///< the key that the UPDATE before it changed to; what it was is in `before`
};

/// Bits of an event's flags.
namespace flag {
inline constexpr std::int16_t key_changed = 1;
inline constexpr std::int16_t cut = 2;        ///< a value was too long
inline constexpr std::int16_t replicated = 4; ///< written with session_replication_role = replica
inline constexpr std::int16_t dropped = 8;    ///< an update that only says what went with a column
} // namespace flag

struct Event {
	Oid log; ///< the part of the log for the class
	std::int16_t log_class;
	std::int32_t relation;
	std::int32_t version;
	Operation operation;
	std::int16_t flags;
	CommandId overtaken_by; ///< what has changed the row further, or InvalidCommandId
	bool has_key;
	std::int64_t key_number; ///< the key, or its hash
	Jsonb *key;              ///< null if the number says it all
	Jsonb *before;           ///< null if there is none, as are:
	Jsonb *after;
};

/// The index that every partition of the log has, and the only one that costs little: the events of a row stand
/// together.  One number is compared faster than two, and takes less room; rows of two relations may share it.  As the
/// server shows it.
inline constexpr char key_index[] =
	"USING btree (((((relation)::bigint << 40) # key_number))) WHERE (key_number IS NOT NULL)";

/// Numbers an event, and writes it.
void write_event(const Event &event);

} // namespace warden::audit
