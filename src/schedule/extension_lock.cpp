#include "schedule/extension_lock.hpp"

#include "pg/call.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace warden::schedule {

namespace {

// All of this is server code.

// A lock of our own beside the extension, that no SQL command takes.
bool lock_visits(Oid extension) {
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 1);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

// A table, a view or a sequence.
bool lock_relation(const char *name, LOCKMODE mode) {
	const Oid space = get_namespace_oid("warden", true);
	const Oid relation = OidIsValid(space) ? get_relname_relid(name, space) : InvalidOid;
	return OidIsValid(relation) && ConditionalLockRelationOid(relation, mode);
}

// All that our statements name but the log: what one of them would be the first to lock, it would wait for.
bool lock_relations() {
	return lock_relation("schedule_secret", AccessShareLock) &&
	       lock_relation("schedule_definitions", AccessShareLock) && lock_relation("schedule_known", AccessShareLock) &&
	       lock_relation("schedule_states", RowExclusiveLock) && lock_relation("schedule_slots", RowExclusiveLock) &&
	       lock_relation("schedule_run_ids", RowExclusiveLock);
}

} // namespace

Oid find_extension() {
	return pg::call([] { return get_extension_oid("pg_warden", true); });
}

Presence lock_extension(Oid extension) {
	return pg::call([&] {
		if (!OidIsValid(extension)) {
			return Presence::Absent;
		}
		const bool locked = lock_visits(extension) && lock_relations();
		// It may have been dropped between our look and the locks.
		return locked && get_extension_oid("pg_warden", true) == extension ? Presence::Locked : Presence::Busy;
	});
}

Presence share_extension(Oid extension) {
	return pg::call([&] {
		for (int tries = 0;; ++tries) {
			AcceptInvalidationMessages();
			if (get_extension_oid("pg_warden", true) != extension) {
				return Presence::Absent;
			}
			if (lock_relations()) {
				return get_extension_oid("pg_warden", true) == extension ? Presence::Locked : Presence::Absent;
			}
			if (tries == 100) {
				return Presence::Busy;
			}
			CHECK_FOR_INTERRUPTS();
			pg_usleep(10'000L);
		}
	});
}

bool lock_log(LOCKMODE mode) {
	return pg::call([&] { return lock_relation("schedule_log", mode); });
}

} // namespace warden::schedule
