// extension_lock.hpp - Keeping the extension while its tables are worked with, without waiting for anybody.
//
// Every lock is asked for conditionally.  So nobody is waited for, nothing can deadlock, and a DROP EXTENSION that is
// rolled back finds everything as it was.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "storage/lockdefs.h"
}

namespace warden::schedule {

enum class Presence {
	Absent, ///< the extension is not in this database, or another one than was asked for
	Busy,   ///< somebody drops it or locks its tables, or another visit is here
	Locked, ///< until the end of the transaction
};

/// The extension's OID; InvalidOid if it is not in this database.
Oid find_extension();

/// Keeps the tables from being dropped, and every other visit away.
Presence lock_extension(Oid extension);

/// Keeps the tables, for the process of a run; tries for a second.
Presence share_extension(Oid extension);

/// Keeps the log from being locked by somebody else.
bool lock_log(LOCKMODE mode);

} // namespace warden::schedule
