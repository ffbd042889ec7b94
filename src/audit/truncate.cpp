// truncate.cpp - Whole tables: the trigger that logs what TRUNCATE takes, and rows that are there before it.
//
// The invariant: under the lock that TRUNCATE has taken already, the rows that are logged are all that there are.
#include "audit/event.hpp"
#include "audit/table_rows.hpp"

#include "pg/call.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/trigger.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

void capture_rows(const CapturePlan &plan, Relation table, Operation operation) {
	for_each_row_of(table, [&](TupleTableSlot *row) {
		bool is_cut = false;
		Event event = event_of(plan, operation, row);
		(operation == Operation::Insert ? event.after : event.before) = image_of(plan, row, is_cut);
		write(event, plan, table, is_cut);
	});
}

void capture_truncate(const CapturePlan &plan, Relation table) {
	const bool is_whole = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	switch (plan.on_truncate) {
	case OnTruncate::Refuse:
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("table \"%s\" cannot be truncated", RelationGetRelationName(table)),
		        errdetail("Its audit was declared so."),
		        errhint("Use DELETE, or warden.audit_enable() with another on_truncate."));
	case OnTruncate::Rows:
		if (!is_whole) {
			capture_rows(plan, table, Operation::Truncate);
		}
		break;
	case OnTruncate::Event:
		break;
	}
	// Of a partitioned table, each partition tells.
	if (!is_whole) {
		Event event = event_of(plan, Operation::Truncate);
		write(event, plan, table, false);
	}
}

} // namespace

void capture_present_rows(Oid oid) {
	const Relation table = table_open(oid, NoLock);
	const Trigger *const trigger = capture_trigger(table);
	if (const CapturePlan *const plan = trigger == nullptr ? nullptr : plan_for(table, trigger)) {
		capture_rows(*plan, table, Operation::Insert);
	}
	table_close(table, NoLock);
}

/// audit_capture_truncate() returns trigger
PG_FUNCTION(audit_capture_truncate) {
	if (!CALLED_AS_TRIGGER(fcinfo) ||
	    !TRIGGER_FIRED_BY_TRUNCATE(reinterpret_cast<const TriggerData *>(fcinfo->context)->tg_event)) {
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		        errmsg("function \"audit_capture_truncate\" must be fired by TRUNCATE"),
		        errhint("Use warden.audit_enable()."));
	}
	const auto *const data = reinterpret_cast<const TriggerData *>(fcinfo->context);
	if (const CapturePlan *const plan = plan_for(data->tg_relation, data->tg_trigger)) {
		capture_truncate(*plan, data->tg_relation);
	}
	return PointerGetDatum(nullptr);
}

} // namespace warden::audit
