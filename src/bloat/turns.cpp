#include "bloat/turns.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// A lock of the session, beside the extension, where no SQL command takes one.  Server code.
LOCKTAG tag_of(Turn turn) {
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, get_extension_oid("pg_warden", false),
	                   static_cast<uint16>(turn));
	return tag;
}

} // namespace

bool take_turn(Turn turn) {
	return call([&] {
		const LOCKTAG tag = tag_of(turn);
		return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
	});
}

void end_turn(Turn turn) {
	call([&] {
		const LOCKTAG tag = tag_of(turn);
		LockRelease(&tag, ExclusiveLock, true);
	});
}

} // namespace warden::bloat
