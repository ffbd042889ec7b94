// dropped_column.hpp - Keeping the values of columns that are dropped.
#pragma once

namespace warden::audit {

/// From now on, in this session.  Server code, for _PG_init().
void watch_columns();

} // namespace warden::audit
