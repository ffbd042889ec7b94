// session_rows.hpp - Who makes the changes, once for a session; and what he says of a transaction, once for that.
//
// The invariant: what an event refers to is committed with it or before it.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

namespace warden::audit {

// All of this is server code.

/// The row in audit_sessions for the roles and the application that are in force now.  One is written for each
/// partition of the log, known by its end, so that it can go when that goes; for what is in none, for each day.
std::int64_t session_id(TimestampTz end_of_partition);
TimestampTz end_of_day(TimestampTz moment);

/// Writes what audit_set_context() was told into audit_contexts, unless this transaction has done that.  Error 55000 if
/// nothing was told, and it is required.
void write_context(bool is_required, const char *table);

} // namespace warden::audit
