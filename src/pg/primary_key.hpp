// primary_key.hpp - The index of a table's primary key.
#pragma once

#include "pg/server.hpp"

namespace warden::pg {

/// InvalidOid: there is none, or one that can be deferred.  Server code.
inline Oid primary_key_index(Relation table) {
#if PG_VERSION_NUM < 180000
	return RelationGetPrimaryKeyIndex(table);
#else
	return RelationGetPrimaryKeyIndex(table, false);
#endif
}

} // namespace warden::pg
