#include "audit/event.hpp"

#include "audit/incarnation.hpp"
#include "audit/session_rows.hpp"

extern "C" {
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "utils/rel.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

std::int64_t number_in(const Column &column, TupleTableSlot *row) {
	bool is_null = false;
	const Datum value = slot_getattr(row, column.number, &is_null);
	switch (column.encoder.form) {
	case Encoder::Form::Int2:
		return DatumGetInt16(value);
	case Encoder::Form::Int4:
		return DatumGetInt32(value);
	default:
		return DatumGetInt64(value);
	}
}

void set_key(Event &event, const CapturePlan &plan, TupleTableSlot *row) {
	event.has_key = plan.keys > 0;
	if (plan.has_number_key) {
		event.key_number = number_in(plan.columns[plan.key[0]], row);
	} else if (event.has_key) {
		event.key = key_of(plan, row);
		event.key_number = hash_of(event.key);
	}
}

} // namespace

std::int64_t hash_of(const Jsonb *key) {
	const Datum hash = hash_any_extended(reinterpret_cast<const unsigned char *>(VARDATA(key)),
	                                     static_cast<int>(VARSIZE(key) - VARHDRSZ), 0);
	return static_cast<std::int64_t>(DatumGetUInt64(hash));
}

Event event_of(const CapturePlan &plan, Operation operation) {
	Event event{};
	event.log = plan.log;
	event.log_class = plan.log_class;
	event.relation = plan.relation;
	event.version = plan.version;
	event.operation = operation;
	event.overtaken_by = InvalidCommandId;
	event.flags = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? flag::replicated : std::int16_t{0};
	return event;
}

Event event_of(const CapturePlan &plan, Operation operation, TupleTableSlot *row) {
	Event event = event_of(plan, operation);
	set_key(event, plan, row);
	return event;
}

void write(Event &event, const CapturePlan &plan, Relation table, bool is_cut) {
	event.flags = static_cast<std::int16_t>(event.flags | (is_cut ? flag::cut : 0));
	if (!RelationNeedsWAL(table)) {
		advance_position();
	}
	write_context(plan.requires_context, RelationGetRelationName(table));
	write_event(event);
}

} // namespace warden::audit
