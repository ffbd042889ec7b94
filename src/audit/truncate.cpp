// truncate.cpp - Whole tables: the trigger that logs what TRUNCATE takes, and rows that are there before it.
//
// The invariant: under the lock that TRUNCATE has taken already, the rows that are logged are all that there are.
#include "audit/event.hpp"
#include "audit/relations.hpp"

#include "pg/call.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/snapmgr.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

// Each in memory of its own.
void capture_rows(const CapturePlan &plan, Relation table, Operation operation) {
	const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *const row = table_slot_create(table, nullptr);
	const TableScanDesc scan = table_beginscan(table, snapshot, 0, nullptr);
	const MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "pg_warden row", ALLOCSET_DEFAULT_SIZES);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
		CHECK_FOR_INTERRUPTS();
		const MemoryContext previous = MemoryContextSwitchTo(memory);
		bool is_cut = false;
		Event event = event_of(plan, operation, row);
		(operation == Operation::Insert ? event.after : event.before) = image_of(plan, row, is_cut);
		write(event, plan, table, is_cut);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(memory);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	UnregisterSnapshot(snapshot);
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
		if (plan.on_truncate == OnTruncate::Event) {
			event.flags = static_cast<std::int16_t>(event.flags | flag::without_rows);
		}
		write(event, plan, table, false);
	}
}

} // namespace

void capture_present_rows(Oid oid) {
	const Relation table = table_open(oid, NoLock);
	for (int i = 0; table->trigdesc != nullptr && i < table->trigdesc->numtriggers; ++i) {
		const Trigger &trigger = table->trigdesc->triggers[i];
		if (strcmp(trigger.tgname, row_trigger) == 0) {
			capture_rows(plan_for(table, &trigger), table, Operation::Insert);
			break;
		}
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
	capture_truncate(plan_for(data->tg_relation, data->tg_trigger), data->tg_relation);
	return PointerGetDatum(nullptr);
}

} // namespace warden::audit
