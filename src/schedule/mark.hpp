// mark.hpp - What the process of a run writes into the run's row in the transaction of the command.
//
// It goes to the heap and not through SQL: a statement of ours in a user's transaction would need a snapshot of it,
// take part in its serialization conflicts, fail if it is read-only, and be seen by whatever hooks into statements.
#pragma once

#include "pg/call.hpp"

namespace warden::schedule {

/// All of it server code, for who holds the lock of share_extension().  Returns whether the run is still there and
/// running.
bool mark_succeeded(int64 job, int64 run, uint64 rows, const char *message, int sqlstate);

/// That a part of the command has been committed, or may have been, so that it cannot be run again.
bool mark_not_restartable(int64 job, int64 run);

} // namespace warden::schedule
