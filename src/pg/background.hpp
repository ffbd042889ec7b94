// background.hpp - Work in a background worker of its own, for which the caller waits: a statement that commits by
// itself, like DETACH CONCURRENTLY, cannot run in a function or a procedure.
//
// The worker is started when it is needed and ends with its work, so that nothing has to be preloaded.  The invariant:
// it has the rights of one role, which need not be able to log in, and no code that runs in it can get others.
#pragma once

#include "pg/worker.hpp"

#include <array>
#include <optional>

namespace warden::pg {

/// What a worker is to do.
struct Order {
	Oid role;
	std::array<Oid, 2> subjects; ///< what the statement is about
	std::string statement;
	int lock_timeout_ms;
	int statement_timeout_ms;
};

/// What became of it.
struct Report {
	bool started; ///< otherwise there is no room for a worker
	bool done;    ///< the work came to its end
	std::optional<Error> error;
};

/// Has a worker of describe_worker(), whose function is one that calls serve(), do what is ordered, and waits for its
/// end.  A caller who is cancelled or terminated meanwhile has it terminated.
///
/// Others may have to wait for the caller's transaction, and the worker for them.  So it must have just begun: without
/// a lock on the subjects, and without a snapshot, which is checked.
Report run_in_background(BackgroundWorker worker, const Order &order);

/// The worker's side: does the work as the role that is ordered, outside of any transaction, and ends the process. What
/// it returns is to be told to who ordered it although it is done.
using Work = std::optional<Error> (*)(const Order &);
void serve(Datum argument, Work work);

} // namespace warden::pg
