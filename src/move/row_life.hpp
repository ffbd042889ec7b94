// row_life.hpp - When a version of a row was there, and whether a snapshot can tell.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/htup_details.h"
#include "utils/snapshot.h"
}

namespace warden::move {

/// The transactions that wrote a row and deleted or updated it; InvalidTransactionId: none that matters.
struct Life {
	TransactionId began = InvalidTransactionId;
	TransactionId ended = InvalidTransactionId;
};

// Server code.  With the row's buffer locked, or with nobody else who could change the row.

Life life_of(HeapTupleHeader row);

/// Of a row that a snapshot does not see: whether it has come and gone before, and some other snapshot may have been
/// taken in between.  What ended before the horizon (GetOldestNonRemovableTransactionId()) is seen by nobody.
bool has_gone(HeapTupleHeader row, const Life &life, Snapshot snapshot, TransactionId horizon);

} // namespace warden::move
