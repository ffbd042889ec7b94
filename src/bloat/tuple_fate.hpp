// tuple_fate.hpp - What a VACUUM, and what a rewrite, would make of a tuple.
//
// All of this is server code.  The invariant: looking changes nothing.  The server's own test of visibility leaves hint
// bits on the page; this one is asked of a copy of the page, and what it finds out about transactions it remembers
// itself.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
}

namespace warden::bloat {

enum class Fate : std::uint8_t {
	Kept,    ///< somebody sees it, or will when his transaction is committed
	Blocked, ///< it is dead, and somebody may see it still
	Dead     ///< VACUUM removes it
};

/// Whether it comes from an update of a tuple that may not be dead for all yet.
inline bool is_recent_version(HeapTupleHeader tuple, TransactionId horizon) {
	return (tuple->t_infomask & HEAP_UPDATED) != 0 && !HeapTupleHeaderXminFrozen(tuple) &&
	       !TransactionIdPrecedes(HeapTupleHeaderGetRawXmin(tuple), horizon);
}

/// What is known of transactions, of one relation at a time.
class Fates {
public:
	/// The horizon is that of the relation: who is older sees what was deleted since.
	explicit Fates(TransactionId horizon) : horizon_(horizon) {}

	TransactionId horizon() const { return horizon_; }

	/// The page that it is on must be pinned: its transactions are remembered by the server as long as it cannot be
	/// frozen.
	Fate of(HeapTupleHeader tuple) {
		constexpr int settled = HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID;
		return (tuple->t_infomask & settled) == settled ? Fate::Kept : find(tuple);
	}

private:
	enum class State : std::uint8_t { InProgress, Committed, Aborted };

	Fate find(HeapTupleHeader tuple);
	State state_of_insertion(HeapTupleHeader tuple);
	State state_of(TransactionId transaction);

	struct Known {
		TransactionId transaction;
		State state;
	};

	static constexpr std::size_t places = 256; // a power of two
	TransactionId horizon_;
	Known known_[places]{}; ///< by the last bits; those that are in progress are not remembered
};

} // namespace warden::bloat
