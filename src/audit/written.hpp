// written.hpp - Whether a row that this session wrote once, to refer to it from then on, is still there.
//
// The invariant: a row counts as there only if no rollback, of the transaction or to a savepoint, has taken it back.
// One that is prepared for two-phase commit does not count: whether it will be there is not ours to know.
#pragma once

#include "pg/server.hpp"

namespace warden::audit {

// All of this is server code.

/// A row; a variable that lasts as long as the session.
struct Written {
	SubTransactionId in = InvalidSubTransactionId; ///< that may still be rolled back
	bool is_gone = false;
	bool is_listed = false;
	Written *next = nullptr;
};

/// To be called when the row is written.
void note_written(Written &row);

/// To be called when the tables are others than before: the extension was made anew.
void forget_written();

inline bool is_there(const Written &row) {
	return !row.is_gone;
}

} // namespace warden::audit
