// repair_queue.hpp - The repairs that are to be run, and what became of them: warden.bloat_repair_log.
//
// The invariant: whatever is killed, the rows tell what may have been left.
#pragma once

#include "bloat/repair_plan.hpp"

#include "pg/error.hpp"

namespace warden::bloat {

/// A repair in the queue.
struct Repair {
	std::int64_t id;
	Oid relation;
	Oid table;
	Oid filenode;
	Oid role; ///< that has asked for it
	Action action;
	bool forced;
	int attempts;
};

/// Puts it into the queue, for a role.  False if it was there already.
bool enqueue(const Proposal &proposal, bool forced, Oid role);

/// Those whose turn it is, the first one first.
std::vector<Repair> pending_repairs();

/// Whether a process should look at the queue: something is pending, or something may have been left.
bool has_work();

void note_waiting(const Repair &repair, const std::string &reason);

/// False if it was canceled meanwhile, and must not run.
bool note_running(const Repair &repair, const Proposal &proposal);

/// Returns the relation, which is another one after an index was rebuilt.
Oid note_done(const Repair &repair);

/// With the status of one that is over, or "waiting" for one that is to be tried again later.
void note_failed(const Repair &repair, const char *status, const Error &error);
void note_skipped(const Repair &repair, const std::string &reason);

/// What runs by the table cannot be running, as we hold the lock of who runs it.
void note_interrupted();

/// In the worker, in the first transaction of the statement: that it runs, and that it may leave an invalid index.
/// False if it was canceled meanwhile, and must not run.
bool note_worker(Oid relation, bool may_leave);

/// An invalid index that a repair has left, with the table that it is of.
struct Leftover {
	Oid index;
	Oid heap;
};

/// Those that can be removed now.
std::vector<Leftover> find_leftovers();

/// Whether it is one still.
bool is_leftover(Oid index);

/// Notes which repairs have left nothing any more.
void forget_leftovers();

/// Deletes what was over longer ago than warden.bloat_history.
void delete_old_repairs();

} // namespace warden::bloat
