// heap_truncation.hpp - Whether VACUUM may cut off the empty end of a table.
#pragma once

#include "pg/server.hpp"

#if PG_VERSION_NUM >= 180000
extern "C" {
#include "commands/vacuum.h"
}
#endif

namespace warden::pg {

/// By the table's vacuum_truncate, or the setting of this name.  Server code.
inline bool may_truncate(Relation relation) {
	const auto *const options = reinterpret_cast<const StdRdOptions *>(relation->rd_options);
#if PG_VERSION_NUM < 180000
	return options == nullptr || options->vacuum_truncate;
#else
	return options != nullptr && options->vacuum_truncate_set ? options->vacuum_truncate : vacuum_truncate;
#endif
}

} // namespace warden::pg
