// generated_column.hpp - Columns that are computed when they are read, which older servers do not have.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
}

namespace warden::pg {

inline bool is_virtual([[maybe_unused]] const FormData_pg_attribute *column) {
#if PG_VERSION_NUM < 180000
	return false;
#else
	return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#endif
}

} // namespace warden::pg
