// commit_action.cpp - A callback of the server's at the end of transactions, which is ours for one of them.
#include "pg/commit_action.hpp"

#include "pg/server.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lwlock.h"
}

namespace warden::pg {

namespace {

// All of this is server code.

// Of this process: of the transaction that is about to commit.
struct Action {
	void (*run)(void *);
	void *argument;
};
constinit Action pending = {nullptr, nullptr};
constinit bool is_registered = false;

// An error that left here would be a PANIC, as what has committed cannot be aborted.  So what an abort would give back
// is given back here; pins are the transaction's, whose end is near.
void run_committed(const Action &action) {
	const MemoryContext memory = CurrentMemoryContext;
	const uint32 holdoff = InterruptHoldoffCount;
	PG_TRY();
	{
		action.run(action.argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		const ErrorData *const error = CopyErrorData();
		FlushErrorState();
		InterruptHoldoffCount = holdoff;
		LWLockReleaseAll();
		UnlockBuffers();
		ereport(WARNING, errcode(error->sqlerrcode),
		        errmsg("what was committed could not be completed for older snapshots: %s", error->message));
	}
	PG_END_TRY();
}

void at_end(XactEvent event, void *) {
	if (pending.run == nullptr || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)) {
		return;
	}
	const Action action = pending;
	pending = {nullptr, nullptr};
	if (event == XACT_EVENT_COMMIT) {
		run_committed(action);
	}
}

} // namespace

void commit_and(void (*action)(void *), void *argument) {
	if (!is_registered) {
		RegisterXactCallback(at_end, nullptr);
		is_registered = true;
	}
	pending = {action, argument};
	SPI_commit();
}

} // namespace warden::pg
