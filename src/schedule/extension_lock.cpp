#include "schedule/extension_lock.hpp"

#include "pg/call.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::schedule {

namespace {

// All of this is server code.

// The extension as the server locks it, and beside it (1) a lock of our own that no SQL command takes.
bool lock_object(Oid extension, uint16 part, LOCKMODE mode) {
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, part);
	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool lock_table(const char *name, LOCKMODE mode) {
	const Oid space = get_namespace_oid("warden", true);
	const Oid table = OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;
	return OidIsValid(table) && ConditionalLockRelationOid(table, mode);
}

} // namespace

Presence lock_extension() {
	return pg::call([] {
		const Oid extension = get_extension_oid("pg_warden", true);
		if (!OidIsValid(extension)) {
			return Presence::Absent;
		}
		const bool locked = lock_object(extension, 0, AccessShareLock) && lock_object(extension, 1, ExclusiveLock) &&
		                    lock_table("schedule_definitions", AccessShareLock) &&
		                    lock_table("schedule_states", RowExclusiveLock) &&
		                    lock_table("schedule_slots", RowExclusiveLock);
		if (!locked) {
			return Presence::Busy;
		}
		// It may have been dropped between our look and the lock.
		return get_extension_oid("pg_warden", true) == extension ? Presence::Locked : Presence::Busy;
	});
}

bool share_extension() {
	return pg::call([] {
		for (int tries = 0;; ++tries) {
			const Oid extension = get_extension_oid("pg_warden", true);
			if (!OidIsValid(extension)) {
				return false;
			}
			if (lock_object(extension, 0, AccessShareLock) && lock_table("schedule_states", RowExclusiveLock) &&
			    lock_table("schedule_slots", RowExclusiveLock)) {
				return get_extension_oid("pg_warden", true) == extension;
			}
			if (tries == 100) {
				return false;
			}
			CHECK_FOR_INTERRUPTS();
			pg_usleep(10'000L);
		}
	});
}

bool lock_log() {
	return pg::call([] { return lock_table("schedule_log", RowExclusiveLock); });
}

} // namespace warden::schedule
