// log_purge.hpp - What goes with old events: rows about sessions, transactions, definitions and relations that no event
// names any more.
//
// The invariant: what an event names is there as long as the event.
#pragma once

namespace warden::audit {

/// Deletes events that are over and that no partition takes with it, as they came to the default one.
void delete_strays();

/// Empties a day of the log that is over and could not be dropped; returns whether there was one.
bool empty_stayed();

/// Deletes what was written of sessions, transactions, definitions and relations whose events have all left the log.
void delete_unnamed();

} // namespace warden::audit
