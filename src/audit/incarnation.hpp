// incarnation.hpp - Numbers of transactions and events that are unique in the log for ever.
//
// A transaction id and a position in the write-ahead log are unique in one cluster.  A dump that is restored in
// another, or in another database, begins again with small ones.  So in front of them is the number of the incarnation
// of the log: one for each cluster and database that it has been in.
//
//     transaction = incarnation << 52 | the full transaction id
//     event       = incarnation << 52 | the position in the write-ahead log before it was written
//
// 0 is that of what others have logged: import_target.
//
// The invariant: events are numbered in the order of the changes, whichever sessions made them: who changes a row next
// does so after the commit of who changed it before, and so at a later position.  Nothing is locked for it.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

namespace warden::audit {

inline constexpr int incarnation_shift = 52;

/// Whether this cluster and database have a number, which they get with the first event.  Before that, what is done
/// here is a restore.
bool is_known_here();

// The rest is server code.

/// The current incarnation; 0 if nothing has been logged in it.  Writes nothing.
std::int32_t known_incarnation();

/// The number of the current transaction, which gets an id.
std::int64_t transaction_id();

/// The number of the next event or session: greater than all that this session has had.
std::int64_t next_id();

/// The greatest that was given out.
std::int64_t latest_id();

/// To be called for a change that has left nothing in the write-ahead log, as those of unlogged tables do, before it is
/// numbered: the position comes to be after what other sessions have committed.
void advance_position();

} // namespace warden::audit
