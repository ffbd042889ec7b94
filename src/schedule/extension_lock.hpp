// extension_lock.hpp - Keeping the extension while its tables are worked with, without waiting for anybody.
//
// DROP EXTENSION and a visit take the lock of the extension itself before any other.  So whoever has it has the rest
// too, and a DROP that is rolled back finds everything as it was.
#pragma once

namespace warden::schedule {

enum class Presence {
	Absent, ///< the extension is not in this database
	Busy,   ///< somebody creates, drops or locks it, or another visit is here
	Locked, ///< until the end of the transaction
};

/// Keeps the extension and its tables from being dropped, and every other visit away.
Presence lock_extension();

/// Keeps the extension, for the process of a run; waits for a second at most.
bool share_extension();

/// Keeps the log from being locked by somebody else.
bool lock_log();

} // namespace warden::schedule
