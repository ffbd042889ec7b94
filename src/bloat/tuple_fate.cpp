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

Fate Fates::of(HeapTupleHeader tuple) {
	if (!HeapTupleHeaderXminCommitted(tuple)) {
		if (HeapTupleHeaderXminInvalid(tuple)) {
			return Fate::Dead;
		}
		switch (state_of(HeapTupleHeaderGetRawXmin(tuple))) {
		case State::InProgress:
			return Fate::Kept;
		case State::Aborted:
			return Fate::Dead;
		case State::Committed:
			break;
		}
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
