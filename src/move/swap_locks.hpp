// swap_locks.hpp - The locks of a swap: how they are asked for, and how long.
//
// Whoever comes to the table while we wait for it waits with us.  So a try is short, the locks beyond that of the table
// are had at once or not at all, and what a try has got is let go before anything else is done.  Whoever holds the
// table goes on meanwhile, whatever he wants next: of the tables that foreign keys join with it we ask for nothing that
// he could be waiting for.
#pragma once

#include "move/move_job.hpp"
#include "pg/lock.hpp"

namespace warden::move {

/// How long the locks are waited for, the longer the more tries have failed: at first a quarter of warden.lock_timeout,
/// at last all of it.
int swap_patience_ms(int tries);

/// The mean pause before the next try, so that others wait for us only a small part of the time.
double swap_pause_s(int tries);

/// ACCESS EXCLUSIVE on the table of a job and its sides, ACCESS SHARE on those that foreign keys join with it; and what
/// lock_more() asks for, without waiting, when it has the table.  Until the end of the (sub)transaction.
std::optional<pg::Refusal> lock_for_swap(const Job &job, const std::vector<Side> &sides, int milliseconds,
                                         void (*lock_more)(Oid target) = nullptr);

/// take_lock(), for as long.
std::optional<pg::Refusal> take_lock_within(Oid relation, LOCKMODE mode, int milliseconds);

/// ACCESS SHARE on the tables that foreign keys join with one that is locked, so that they and their columns stay;
/// without waiting.
void lock_peers_now(Oid table);

} // namespace warden::move
