#include "pg/procedure.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace warden::pg {

namespace detail {

// What the error has left open is closed first, as SPI_rollback() expects it: subtransactions, connections of
// statements in progress, snapshots.  If that fails on the way, as of a cursor that is open, it rolls back all the
// same.
ErrorData *roll_back_for(MemoryContext memory) {
	MemoryContextSwitchTo(memory);
	ErrorData *const data = CopyErrorData();
	FlushErrorState();
	while (IsSubTransaction()) {
		RollbackAndReleaseCurrentSubTransaction();
	}
	while (!SPI_inside_nonatomic_context() && SPI_finish() == SPI_OK_FINISH) {
	}
	while (ActiveSnapshotSet() && (ActivePortal == nullptr || ActivePortal->portalSnapshot != GetActiveSnapshot())) {
		PopActiveSnapshot();
	}
	MemoryContextSwitchTo(memory);
	if (!completes(SPI_rollback)) {
		MemoryContextSwitchTo(memory);
		FlushErrorState();
	}
	return data;
}

} // namespace detail

Procedure::Procedure(FunctionCallInfo fcinfo, const char *instead) {
	call([&] {
		const bool is_call = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext);
		if (!is_call || reinterpret_cast<CallContext *>(fcinfo->context)->atomic) {
			ereport(ERROR, errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			        errmsg("%s() commits after each step and cannot run inside a transaction block",
			               get_func_name(fcinfo->flinfo->fn_oid)),
			        instead == nullptr ? errhint("CALL it outside of a transaction block.")
			                           : errhint("CALL it outside of a transaction block, or use %s here.", instead));
		}
		SPI_connect_ext(SPI_OPT_NONATOMIC);
	});
}

void Procedure::pause(int milliseconds) const {
	call([&] {
		const double factor = 0.5 + pg_prng_double(&pg_global_prng_state);
		const TimestampTz until =
			TimestampTzPlusMilliseconds(GetCurrentTimestamp(), static_cast<int64>(factor * milliseconds));
		for (;;) {
			CHECK_FOR_INTERRUPTS();
			const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
			if (left <= 0) {
				return;
			}
			WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
	});
}

} // namespace warden::pg
