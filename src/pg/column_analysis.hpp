// column_analysis.hpp - What ANALYZE finds out about some values, without a table that has them.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "utils/syscache.h"
}

namespace warden::pg {

/// Server code.  Ready for the typanalyze function of the type, whose code this does not run; for a column that has
/// the default number of details.
inline VacAttrStats *describe_values(Oid type, int32 typmod, Oid collation) {
	auto *const stats = static_cast<VacAttrStats *>(palloc0(sizeof(VacAttrStats)));
#if PG_VERSION_NUM < 170000
	stats->attr = static_cast<Form_pg_attribute>(palloc0(ATTRIBUTE_FIXED_PART_SIZE));
	stats->attr->atttypid = type;
	stats->attr->atttypmod = typmod;
	stats->attr->attcollation = collation;
	stats->attr->attstattarget = -1;
#else
	stats->attstattarget = -1;
#endif
	const HeapTuple tuple = SearchSysCacheCopy1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type with OID %u does not exist", type));
	}
	stats->attrtypid = type;
	stats->attrtypmod = typmod;
	stats->attrtype = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
	stats->attrcollid = collation;
	stats->anl_context = CurrentMemoryContext;
	for (int k = 0; k < STATISTIC_NUM_SLOTS; ++k) {
		stats->statypid[k] = type;
		stats->statyplen[k] = stats->attrtype->typlen;
		stats->statypbyval[k] = stats->attrtype->typbyval;
		stats->statypalign[k] = stats->attrtype->typalign;
	}
	return stats;
}

} // namespace warden::pg
