// row_capture.hpp - The trigger that logs which rows of a source change: the places of old and new row versions.
//
// The invariants: it is a trigger of the system (tgisinternal), so that it shows in no \d and no dump, ENABLE ALWAYS,
// so that replicated changes are logged as well; it needs no right of the writer, runs no code of a user's, waits for
// nobody, and what it writes is committed or rolled back with the change.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// Creates the trigger of a source, which is locked so that nobody writes (SHARE ROW EXCLUSIVE).  Returns its OID.
Oid create_capture(const Job &job, const Source &source);

/// Drops it; the source is locked likewise.  Nothing if it is not there any more.
void drop_capture(const Source &source);

/// Whether all changes since its creation are logged: the trigger is there, and still fires always.
bool is_captured(const Source &source);

} // namespace warden::move
