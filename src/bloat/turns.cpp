#include "bloat/turns.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
}

namespace warden::bloat {

using namespace pg;

// A lock of the session, beside the extension, where no SQL command takes one.
std::optional<LOCKTAG> take_turn(Turn turn) {
	return call([&] {
		LOCKTAG tag;
		SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, get_extension_oid("pg_warden", false),
		                   static_cast<uint16>(turn));
		const bool is_ours = LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
		return is_ours ? std::optional(tag) : std::nullopt;
	});
}

void end_turn(LOCKTAG turn) {
	call([&] { LockRelease(&turn, ExclusiveLock, true); });
}

} // namespace warden::bloat
