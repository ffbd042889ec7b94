// lock.hpp - Asking for a lock on a user's table without stopping the application.
//
// Whoever waits for a strong lock makes everybody after him wait too.  So a lock is taken at once if it is free; not
// queued for behind a transaction that has been open for long, which will not end just now; and otherwise waited for
// no longer than warden.lock_timeout.
#pragma once

#include "pg/call.hpp"

namespace warden::pg {

/// Takes a lock until the end of the (sub)transaction.  Errors, with who is in the way as their detail: 55P03 not
/// within warden.lock_timeout, 55006 held by a transaction older than ten times that, 42P01 no such relation.  Needs
/// PinnedSettings.
void lock(Oid relation, LOCKMODE mode);

/// The same without any wait (55P03): for locks beyond the first, while others already wait for us.
void lock_now(Oid relation, LOCKMODE mode);

/// Whether an error is the failure to get a lock, in lock() or in a command of the server.
bool is_blocked(const Error &error);

/// Whether it may be gone a moment later.
bool is_blocked_briefly(const Error &error);

/// The settings: how long to wait for a lock, how often to try again, and the mean time between two tries.
int lock_timeout_ms();
int lock_retries();
int lock_retry_delay_ms();

/// Defines them.  Server code, for _PG_init().
void init_locks();

} // namespace warden::pg
