#include "pg/collation.hpp"

extern "C" {
#include "utils/pg_locale.h"
}

namespace warden::pg {

bool sorts_by_bytes(Oid collation) {
#if PG_VERSION_NUM < 180000
	return lc_collate_is_c(collation);
#else
	return pg_newlocale_from_collation(collation)->collate_is_c;
#endif
}

} // namespace warden::pg
