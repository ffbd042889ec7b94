// undo_events.hpp - The events that are to be undone, as the log has them.
//
// The invariant: they are those of tables that the current user may read whole; of each column they have the name that
// it has today.
#pragma once

#include "audit/net_change.hpp"

#include "pg/datum.hpp"

#include <map>
#include <optional>

namespace warden::audit {

/// Of one table, in their order.
struct TableEvents {
	std::vector<RowEvent> events;
	bool has_key = true;
	std::string key_columns;     ///< of today
	bool is_key_lost = false;    ///< some of its columns are not there any more
	bool is_key_changed = false; ///< one of its columns was made another one between the events
	bool is_emptied = false;     ///< by a TRUNCATE of which no rows were logged
};

using UndoEvents = std::map<Oid, TableEvents>;

/// Errors: 02000 if there are none; 42P01 if a table was dropped; 42703 if columns of its key were; 0A000 if it was
/// given another key meanwhile; 42501.
UndoEvents events_of_transaction(std::int64_t transaction);
UndoEvents event_of_id(std::int64_t id);

/// What became of a row since a moment; nothing if nothing has.  Errors: also 55000 if the log does not reach back so
/// far, 02000 if it does not know the row.
UndoEvents events_of_row(Oid table, pg::Json key, pg::Timestamptz moment);

} // namespace warden::audit
