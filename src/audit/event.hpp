// event.hpp - An event of a row, from the plan of its table.
//
// All of this is server code.
#pragma once

#include "audit/images.hpp"
#include "audit/log_writer.hpp"

namespace warden::audit {

/// The number of a key that is not one whole number itself.
std::int64_t hash_of(const Jsonb *key);

/// With the number of its key, or the key itself.
Event event_of(const CapturePlan &plan, Operation operation, TupleTableSlot *row);

/// The same of what concerns no row.
Event event_of(const CapturePlan &plan, Operation operation);

/// Writes it, after the context of the transaction.
void write(Event &event, const CapturePlan &plan, Relation table, bool is_cut);

/// Logs the rows that a table with the triggers has already, as inserted.
void capture_present_rows(Oid table);

} // namespace warden::audit
