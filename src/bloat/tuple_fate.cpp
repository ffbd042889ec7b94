#include "bloat/tuple_fate.hpp"

extern "C" {
#include "access/multixact.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/procarray.h"
}

namespace warden::bloat {

// The order of the questions is that of the server: who is asked whether he has committed while he does so must not be
// taken for one who has aborted.
Fates::State Fates::state_of(TransactionId transaction) {
	if (!TransactionIdIsValid(transaction)) {
		return State::Aborted; // ON CONFLICT has taken its row back
	}
	Known &known = known_[transaction % places];
	if (known.transaction == transaction) {
		return known.state;
	}
	if (TransactionIdIsCurrentTransactionId(transaction) || TransactionIdIsInProgress(transaction)) {
		return State::InProgress;
	}
	known = {transaction, TransactionIdDidCommit(transaction) ? State::Committed : State::Aborted};
	return known.state;
}

Fates::State Fates::state_of_insertion(HeapTupleHeader tuple) {
	if (HeapTupleHeaderXminCommitted(tuple)) {
		return State::Committed;
	}
	if (HeapTupleHeaderXminInvalid(tuple)) {
		return State::Aborted;
	}
	if ((tuple->t_infomask & HEAP_MOVED) == 0) {
		return state_of(HeapTupleHeaderGetRawXmin(tuple));
	}
	// A VACUUM FULL of before PostgreSQL 9.0 has moved it: to here, or from here if it was committed.
	const State moved = state_of(HeapTupleHeaderGetXvac(tuple));
	if (moved == State::InProgress || (tuple->t_infomask & HEAP_MOVED_IN) != 0) {
		return moved;
	}
	return moved == State::Committed ? State::Aborted : State::Committed;
}

Fate Fates::find(HeapTupleHeader tuple) {
	switch (state_of_insertion(tuple)) {
	case State::InProgress:
		return Fate::Kept; // whoever deletes it meanwhile
	case State::Aborted:
		return Fate::Dead;
	case State::Committed:
		break;
	}
	if ((tuple->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask)) {
		return Fate::Kept;
	}
	// Of a multixact that is not only of lockers, the one who has changed it.
	const TransactionId deleter = HeapTupleHeaderGetUpdateXid(tuple);
	if (!TransactionIdIsValid(deleter)) {
		return Fate::Kept;
	}
	const bool is_known =
		(tuple->t_infomask & HEAP_XMAX_COMMITTED) != 0 && (tuple->t_infomask & HEAP_XMAX_IS_MULTI) == 0;
	if (!is_known && state_of(deleter) != State::Committed) {
		return Fate::Kept;
	}
	return TransactionIdPrecedes(deleter, horizon_) ? Fate::Dead : Fate::Blocked;
}

} // namespace warden::bloat
