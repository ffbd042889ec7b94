// heap_notes.hpp - What is true of a heap however it was measured.
#pragma once

#include "bloat/measurement.hpp"

#include "pg/call.hpp"

extern "C" {
#include "storage/block.h"
}

namespace warden::bloat {

/// What VACUUM would cut off, if nothing but the first so many of its pages has rows that are kept.  Server code.
std::int64_t truncatable_bytes(Relation relation, BlockNumber blocks, BlockNumber with_rows);

/// Whose TOAST table it is; InvalidOid if nobody's.  Server code.
Oid table_of_toast(Relation toast);

/// The table of a TOAST table, in ACCESS SHARE mode, or null and why not.  Server code.
struct TableOfToast {
	Relation table;
	const char *obstacle;
};
TableOfToast open_table_of_toast(Relation toast);

/// What the size after a rewrite does not say.  lacks_defaults: some rows were seen that lack the default of a column
/// that was added after them.
void add_caveats(bool lacks_defaults, Measurement &measurement);

} // namespace warden::bloat
