// audit.hpp - Every change of a row, as JSON: who, when, what.
//
// Reading order: json_layout and number_layout (plain logic: the bytes of jsonb), encoders (values by their type),
// capture_plan and version (what is known of a table), images (rows as JSON), incarnation (numbers for ever), written,
// context and session_rows (who, and what for), event and event_order, log_writer (into the log), capture and truncate
// (the triggers), dropped_column, relations, enable and enrolment (tables and schemas into and out of the audit),
// concern and ddl (what becomes of them), log_class (how long events are kept), confidential (tables beside the log),
// log_purge and log_freeze (what becomes of old ones), transaction_index, stopwatch and costs (what it costs). For
// reading: decoders (values again), readable (who may), row_keys, key_lives and history (of one row), as_of_merge
// (plain logic), past_table, past_images, log_rows, later_events and as_of (a whole table), marks.
// For taking back: net_change (plain logic), live_table, undo_events, cascades, undo_plan and undo; soft_delete.
// From others: peer_log, imported_row, import_target and import_log.
#pragma once

#include "pg/procedure.hpp"

namespace warden::audit {

/// Prepares new partitions of the log, deletes what no event names any more, and warns of what is not logged.  What
/// fails is reported as a WARNING.
void maintain_log(const pg::Procedure &procedure);

/// Freezes partitions of the log that are over.  The last step of all, as it may take long.
void freeze_log(const pg::Procedure &procedure);

/// Deletes the rows that audit_soft_delete() has had marked, when their time is over.
void purge_marked(const pg::Procedure &procedure);

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::audit
