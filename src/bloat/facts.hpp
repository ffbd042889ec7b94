// facts.hpp - What is known of a relation besides its pages.
//
// Plain data: verdicts are made of it.  The invariant: names are quoted already, so that they can stand in a command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace warden::bloat {

/// Who keeps dead rows from being removed.
struct Holder {
	std::string who;     ///< "process 123 (user app, idle in transaction)"
	std::string command; ///< that ends it; empty if there is none to run here
	bool is_self;        ///< the transaction that measures
};

/// How rows can be rewritten without shutting everybody out.
enum class Rewriter : std::uint8_t { VacuumFull, Repack, PgRepack, PgSqueeze };

struct Facts {
	// Of the relation.
	std::string name;
	std::string constant; ///< the name as a constant
	bool is_index;
	bool is_btree;
	bool can_be_concurrent;     ///< an index that REINDEX CONCURRENTLY takes
	bool is_leftover;           ///< an index that REINDEX CONCURRENTLY has left behind
	std::optional<int> builder; ///< the process that is building the index
	std::int64_t pending_limit; ///< of a GIN index, in bytes
	bool writes_wal;            ///< it is neither temporary nor unlogged, and wal_level is not minimal

	// Of the user's table that it belongs to.
	std::string table;
	std::string squeeze_arguments; ///< its schema and name, as constants
	std::string database;
	Rewriter rewriter;
	std::int64_t table_bytes;      ///< what an index is built from, rows or TOAST: as the server has last counted them
	std::int64_t family_bytes;     ///< with TOAST and indexes
	std::int64_t family_rewritten; ///< the same after a rewrite, as far as it was measured

	// Of the table that VACUUM counts dead rows of: its own, that of its index, or a TOAST table.
	double rows;
	double dead_rows;
	double dead_rows_limit; ///< above it autovacuum comes
	bool autovacuum;        ///< it comes at all
};

} // namespace warden::bloat
