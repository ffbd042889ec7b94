#include "move/row_life.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/transam.h"
#include "utils/snapmgr.h"
}

namespace warden::move {

namespace {

bool sees(Snapshot snapshot, TransactionId xid) {
	return TransactionIdIsNormal(xid) ? !XidInMVCCSnapshot(xid, snapshot) && TransactionIdDidCommit(xid)
	                                  : xid == FrozenTransactionId;
}

} // namespace

Life life_of(HeapTupleHeader row) {
	const bool has_ended = (row->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask);
	return {HeapTupleHeaderGetXmin(row), has_ended ? HeapTupleHeaderGetUpdateXid(row) : InvalidTransactionId};
}

bool has_gone(HeapTupleHeader row, const Life &life, Snapshot snapshot, TransactionId horizon) {
	return !HeapTupleHeaderXminInvalid(row) && TransactionIdIsNormal(life.ended) && life.began != life.ended &&
	       !TransactionIdPrecedes(life.ended, horizon) && sees(snapshot, life.began) && sees(snapshot, life.ended);
}

} // namespace warden::move
