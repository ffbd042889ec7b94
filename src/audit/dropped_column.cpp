// dropped_column.cpp - The values that go with a column: logged when it is dropped, where audit_enable() was told so.
//
// The invariants: they are read before anything of the column is gone - its default, its type, the rows that the same
// command may write anew - by whichever command it is dropped, CASCADE included; they are in the log exactly if the
// column is dropped; and what cannot be logged cannot be dropped.
//
// No event trigger is called at that moment, but the server's hook is, just before it deletes an object from the
// catalogue.  The table is locked in ACCESS EXCLUSIVE mode by then.
#include "audit/dropped_column.hpp"

#include "audit/event.hpp"
#include "audit/table_rows.hpp"

#include "pg/call.hpp"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

constinit object_access_hook_type next_hook = nullptr;

// The place of a column in a plan; that of the plan's end if it is not logged.
std::size_t find_column(const CapturePlan &plan, int number) {
	std::size_t i = 0;
	while (i < plan.count && plan.columns[i].number != number) {
		++i;
	}
	return i;
}

// Of a row without a key, the whole one is what it is known by.
void keep_value(const CapturePlan &plan, Relation table, TupleTableSlot *row, std::size_t column) {
	bool is_null = false;
	std::ignore = slot_getattr(row, plan.columns[column].number, &is_null);
	if (is_null) {
		return;
	}
	bool is_cut = false;
	Event event = event_of(plan, Operation::Update, row);
	event.before = event.has_key ? part_of(plan, row, {1, false, &column}, is_cut) : image_of(plan, row, is_cut);
	event.flags = static_cast<std::int16_t>(event.flags | flag::dropped);
	write(event, plan, table, is_cut);
}

void keep_values(Relation table, int number) {
	const Trigger *const trigger = capture_trigger(table);
	CapturePlan plan{};
	if (trigger == nullptr || !plan_for_dropping(table, trigger, plan)) {
		return;
	}
	const std::size_t column = find_column(plan, number);
	if (column < plan.count) {
		for_each_row_of(table, [&](TupleTableSlot *row) { keep_value(plan, table, row, column); });
	}
}

void before_drop(ObjectAccessType access, Oid catalogue, Oid object, int part, void *argument) {
	if (next_hook != nullptr) {
		next_hook(access, catalogue, object, part, argument);
	}
	if (access != OAT_DROP || catalogue != RelationRelationId || part <= 0) {
		return;
	}
	const Relation table = relation_open(object, NoLock);
	if (table->rd_rel->relkind == RELKIND_RELATION) {
		const MemoryContext memory =
			AllocSetContextCreate(CurrentMemoryContext, "pg_warden dropped column", ALLOCSET_DEFAULT_SIZES);
		const MemoryContext previous = MemoryContextSwitchTo(memory);
		keep_values(table, part);
		MemoryContextSwitchTo(previous);
		MemoryContextDelete(memory);
	}
	relation_close(table, NoLock);
}

} // namespace

void watch_columns() {
	next_hook = object_access_hook;
	object_access_hook = before_drop;
}

} // namespace warden::audit
