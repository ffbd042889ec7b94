// maintain.cpp - The one call: each feature's routine, one after the other.
#include "advice/advice.hpp"
#include "audit/audit.hpp"
#include "bloat/bloat.hpp"
#include "move/move.hpp"
#include "partition/partition.hpp"
#include "pg/procedure.hpp"

namespace warden {

/// maintain(): does everything that is due, and commits step by step.
PG_FUNCTION(maintain) {
	const pg::Procedure procedure(fcinfo, "SELECT * FROM warden.partition_maintain()");
	partition::maintain_all(procedure);
	audit::maintain_log(procedure);
	audit::purge_marked(procedure);
	audit::freeze_log(procedure);
	bloat::maintain(procedure);
	advice::maintain(procedure);
	move::maintain(procedure); // last: it may take long
	PG_RETURN_VOID();
}

} // namespace warden
