// repair_run.hpp - Running what is in the queue: one repair after the other, one process at a time in a database.
//
// The invariants: a repair runs as the owner of its table, in a process of its own; what is killed at any moment leaves
// nothing that the next run does not remove; and it removes nothing but that.
#pragma once

#include "bloat/repair_plan.hpp"

#include "pg/procedure.hpp"

namespace warden::bloat {

/// Runs what is pending and has no gate closed.  Returns at once if another process is at it.
void run_repairs(const pg::Procedure &procedure);

/// Starts a process that does so when this transaction is over.  False if there is no room for one.
bool start_runner();

} // namespace warden::bloat
