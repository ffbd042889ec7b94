// value_statistics.hpp - What ANALYZE would write of the values of an expression.
//
// Server code: it runs code of the values' type.
#pragma once

#include "pg/server.hpp"

namespace warden::advice {

/// Values of a sample of rows, in the order of the rows.
struct SampledValues {
	Oid type;
	int32 typmod;
	Oid collation;
	Datum *values;
	bool *nulls;
	int count;
	double rows; ///< of the table
	/// Of all values that are not null, how many are different, as far as the pages that they are on tell; 0: unknown.
	double distinct;
};

/// A row of pg_statistic, in the current memory context; nullptr if there is nothing to be said.
HeapTuple analyze_values(const SampledValues &values);

} // namespace warden::advice
