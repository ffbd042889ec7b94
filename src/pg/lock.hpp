// lock.hpp - Asking for a lock on a user's table without stopping the application.
//
// Whoever waits for a strong lock makes everybody after him wait too.  So a lock is taken at once if it is free; not
// queued for behind a transaction that has been open for long, which will not end just now; and otherwise waited for
// no longer than warden.lock_timeout.
#pragma once

#include "pg/call.hpp"

#include <optional>

namespace warden::pg {

/// Why a lock was not to be had.
struct Refusal {
	Error error;    ///< SQLSTATE 55P03, with who is in the way as its detail
	bool will_last; ///< it is held by a transaction older than ten times warden.lock_timeout
};

/// Takes a lock until the end of the (sub)transaction.  The relation may have been dropped meanwhile: look again. Needs
/// PinnedSettings.  An autovacuum that is in the way is cancelled, as the server would do.
std::optional<Refusal> take_lock(Oid relation, LOCKMODE mode);

/// Who keeps such a lock from being had and will go on doing so: a look, which asks for no lock.
std::optional<Refusal> find_long_holder(Oid relation, LOCKMODE mode);

/// Who keeps such a lock from being had at this moment.
std::optional<Refusal> find_holder(Oid relation, LOCKMODE mode);

/// Takes a lock if nobody is in the way, until the end of the (sub)transaction.  Looks at nothing else.
bool lock_if_free(Oid relation, LOCKMODE mode);

/// take_lock() with a refusal thrown, and error 42P01 for a relation that does not exist.
void lock(Oid relation, LOCKMODE mode);

/// lock() without any wait but for milliseconds: for locks beyond the first, while others already wait for us.
void lock_now(Oid relation, LOCKMODE mode);

/// The same for a table and all its partitions.
void lock_tree_now(Oid relation, LOCKMODE mode);

/// Whether an error is the failure to get a lock, in lock() or in a command of the server.
bool is_blocked(const Error &error);

/// The settings: how long to wait for a lock, how often to try again, and the mean time between two tries.
int lock_timeout_ms();
int lock_retries();
int lock_retry_delay_ms();

/// Defines them.  Server code, for _PG_init().
void init_locks();

} // namespace warden::pg
