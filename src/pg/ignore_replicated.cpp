// The trigger of our tables that keeps out what logical replication brings: rows about the publisher's tables and jobs,
// with the numbers that rows of this database have.  A publication FOR ALL TABLES has our tables too.
#include "pg/call.hpp"

extern "C" {
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "utils/fmgrprotos.h"
}

using namespace warden::pg;

namespace {

// Server code.  What another trigger writes, in the worker, for a row that it applies to another table, is our own.
bool is_applied() {
	return IsLogicalWorker() && DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0)) == 1;
}

} // namespace

/// ignore_replicated() returns trigger
PG_FUNCTION(ignore_replicated) {
	return call([&] {
		if (!CALLED_AS_TRIGGER(fcinfo)) {
			ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			        errmsg("function \"%s\" was not called by trigger manager", "warden.ignore_replicated"));
		}
		const auto *const trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
		HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
		return PointerGetDatum(is_applied() ? nullptr : row);
	});
}
