// index_usage.hpp - When an index was last used, as far as the server knows.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/timestamp.h"
}

namespace warden::pg {

/// 0: it is not known, or never since the statistics were reset.  Server code.
inline TimestampTz last_scan([[maybe_unused]] Oid index) {
#if PG_VERSION_NUM < 160000
	return 0;
#else
	const PgStat_StatTabEntry *const entry = pgstat_fetch_stat_tabentry(index);
	return entry != nullptr ? entry->lastscan : 0;
#endif
}

} // namespace warden::pg
