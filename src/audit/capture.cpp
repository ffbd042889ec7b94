// capture.cpp - The trigger that logs every change of a row.
//
// The invariants: there is an event for each change and for nothing else, in the order of the changes, and it is there
// exactly if the change is: it is written in the same subtransaction, at once.  What is written is decided by the
// table's plan; nothing of a session's settings or rights has a part in it.
#include "audit/audit.hpp"

#include "audit/event.hpp"
#include "audit/event_order.hpp"
#include "audit/stopwatch.hpp"

#include "pg/call.hpp"

extern "C" {
#include "access/htup_details.h"
#include "commands/trigger.h"
#include "utils/rel.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

void capture_row(const CapturePlan &plan, Relation table, Operation operation, TupleTableSlot *row) {
	bool is_cut = false;
	Event event = event_of(plan, operation, row);
	(operation == Operation::Insert ? event.after : event.before) = image_of(plan, row, is_cut);
	event.overtaken_by = operation == Operation::Insert ? overtaking_command(row) : InvalidCommandId;
	write(event, plan, table, is_cut);
}

// Byte for byte: then nothing has to be read to know that nothing has changed.
bool are_same(const HeapTuple before, const HeapTuple after) {
	constexpr std::size_t begin = SizeofHeapTupleHeader;
	return before->t_len == after->t_len && before->t_data->t_hoff == after->t_data->t_hoff &&
	       HeapTupleHeaderGetNatts(before->t_data) == HeapTupleHeaderGetNatts(after->t_data) &&
	       HeapTupleHasNulls(before) == HeapTupleHasNulls(after) &&
	       memcmp(reinterpret_cast<const char *>(before->t_data) + begin,
	              reinterpret_cast<const char *>(after->t_data) + begin, before->t_len - begin) == 0;
}

void write_link(const CapturePlan &plan, Relation table, TupleTableSlot *before, TupleTableSlot *after,
                CommandId overtaken_by) {
	Event link = event_of(plan, Operation::Key, after);
	link.before = key_of(plan, before);
	link.overtaken_by = overtaken_by;
	write(link, plan, table, false);
}

// Of a row without a key, the whole one is what it is known by.
void capture_update(const CapturePlan &plan, Relation table, TupleTableSlot *before, TupleTableSlot *after) {
	const ChangedColumns change = change_between(plan, before, after);
	if (change.count == 0) {
		return;
	}
	bool is_cut = false;
	Event event = event_of(plan, Operation::Update, before);
	event.before = event.has_key ? part_of(plan, before, change, is_cut) : image_of(plan, before, is_cut);
	event.after = part_of(plan, after, change, is_cut);
	event.flags = static_cast<std::int16_t>(event.flags | (change.of_key ? flag::key_changed : 0));
	event.overtaken_by = overtaking_command(after);
	const bool is_overtaken = event.overtaken_by != InvalidCommandId;
	// Of a row that was overtaken, numbers go backwards.
	if (change.of_key && is_overtaken) {
		write_link(plan, table, before, after, event.overtaken_by);
	}
	write(event, plan, table, is_cut);
	if (change.of_key && !is_overtaken) {
		write_link(plan, table, before, after, InvalidCommandId);
	}
}

void capture(const CapturePlan &plan, const TriggerData &data) {
	if (TRIGGER_FIRED_BY_INSERT(data.tg_event)) {
		capture_row(plan, data.tg_relation, Operation::Insert, data.tg_trigslot);
	} else if (TRIGGER_FIRED_BY_DELETE(data.tg_event)) {
		capture_row(plan, data.tg_relation, Operation::Delete, data.tg_trigslot);
	} else {
		capture_update(plan, data.tg_relation, data.tg_trigslot, data.tg_newslot);
	}
}

const TriggerData *trigger_data(FunctionCallInfo fcinfo) {
	if (!CALLED_AS_TRIGGER(fcinfo)) {
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		        errmsg("function \"audit_capture\" was not called by the trigger manager"),
		        errhint("Use warden.audit_enable()."));
	}
	const auto *const data = reinterpret_cast<const TriggerData *>(fcinfo->context);
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event)) {
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		        errmsg("function \"audit_capture\" must be fired AFTER and FOR EACH ROW"),
		        errhint("Use warden.audit_enable()."));
	}
	return data;
}

} // namespace

/// audit_capture() returns trigger
PG_FUNCTION(audit_capture) {
	const TriggerData *const data = trigger_data(fcinfo);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event) && are_same(data->tg_trigtuple, data->tg_newtuple)) {
		return PointerGetDatum(nullptr);
	}
	const CapturePlan *const plan = plan_for(data->tg_relation, data->tg_trigger);
	if (plan == nullptr) {
		return PointerGetDatum(nullptr);
	}
	if (!is_measured()) {
		capture(*plan, *data);
		return PointerGetDatum(nullptr);
	}
	instr_time begin;
	INSTR_TIME_SET_CURRENT(begin);
	capture(*plan, *data);
	note_time(plan->relation, begin);
	return PointerGetDatum(nullptr);
}

} // namespace warden::audit
