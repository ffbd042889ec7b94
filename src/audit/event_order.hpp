// event_order.hpp - Numbers of events in the order of the changes, also where the server tells of them in another.
//
// The server fires the triggers of a statement's rows when the statement has changed them all.  Where a trigger of the
// user's, on one row, changes another row of the same statement, the event of that second change comes first: the row
// is overtaken.  Its new version says so itself, and by which command.  The invariant: the event of the earlier change
// has the smaller number all the same.  It is one of those that no other session gives out: a position inside of the
// record, in the write-ahead log, by which the command changed the row.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "executor/tuptable.h"
}

namespace warden::audit {

// Both are server code.

/// The command of this transaction that has changed a row further since, or InvalidCommandId.
CommandId overtaking_command(TupleTableSlot *row);

/// The number of an event of a row that was overtaken by that command, or InvalidCommandId.  Of two events of one row
/// that were both overtaken, the later change asks first.
std::int64_t event_id(CommandId overtaken_by);

} // namespace warden::audit
