// pg_stat_statements.hpp - What the extension pg_stat_statements has counted, whatever its version and schema.
#pragma once

#include "advice/workload.hpp"

namespace warden::advice {

/// Its statements of this database, as far as the current user may read them; none if it is not installed here or not
/// preloaded.  One row for a role and a query id, whether at the top level or not.
std::vector<Recorded> read_pg_stat_statements();

} // namespace warden::advice
