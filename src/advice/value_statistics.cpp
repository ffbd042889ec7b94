#include "advice/value_statistics.hpp"

#include "pg/column_analysis.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "utils/array.h"
}

namespace warden::advice {

using namespace pg;

namespace {

Datum fetch(VacAttrStatsP stats, int row, bool *is_null) {
	*is_null = stats->exprnulls[row];
	return stats->exprvals[row];
}

bool prepare(VacAttrStats *stats) {
	const Oid function = stats->attrtype->typanalyze;
	return OidIsValid(function) ? DatumGetBool(OidFunctionCall1(function, PointerGetDatum(stats)))
	                            : std_typanalyze(stats);
}

// ANALYZE draws rows, of which those that were written together are seldom two.
void correct_distinct(VacAttrStats *stats, const SampledValues &of) {
	const double found = stats->stadistinct < 0 ? -stats->stadistinct * of.rows : stats->stadistinct;
	if (of.distinct > found) {
		stats->stadistinct =
			static_cast<float4>(of.distinct > 0.1 * of.rows ? -Min(1.0, of.distinct / of.rows) : of.distinct);
	}
}

/// The details of a kind, of which a row has room for some.
void put_slot(const VacAttrStats *stats, int k, Datum *row, bool *nulls) {
	row[Anum_pg_statistic_stakind1 - 1 + k] = Int16GetDatum(stats->stakind[k]);
	row[Anum_pg_statistic_staop1 - 1 + k] = ObjectIdGetDatum(stats->staop[k]);
	row[Anum_pg_statistic_stacoll1 - 1 + k] = ObjectIdGetDatum(stats->stacoll[k]);
	const int numbers = stats->numnumbers[k];
	nulls[Anum_pg_statistic_stanumbers1 - 1 + k] = numbers == 0;
	if (numbers > 0) {
		auto *const list = static_cast<Datum *>(palloc(sizeof(Datum) * numbers));
		for (int n = 0; n < numbers; ++n) {
			list[n] = Float4GetDatum(stats->stanumbers[k][n]);
		}
		row[Anum_pg_statistic_stanumbers1 - 1 + k] =
			PointerGetDatum(construct_array(list, numbers, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
	}
	nulls[Anum_pg_statistic_stavalues1 - 1 + k] = stats->numvalues[k] == 0;
	if (stats->numvalues[k] > 0) {
		row[Anum_pg_statistic_stavalues1 - 1 + k] =
			PointerGetDatum(construct_array(stats->stavalues[k], stats->numvalues[k], stats->statypid[k],
		                                    stats->statyplen[k], stats->statypbyval[k], stats->statypalign[k]));
	}
}

HeapTuple form_row(const VacAttrStats *stats) {
	Datum row[Natts_pg_statistic] = {};
	bool nulls[Natts_pg_statistic] = {};
	row[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(stats->stanullfrac);
	row[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(stats->stawidth);
	row[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(stats->stadistinct);
	for (int k = 0; k < STATISTIC_NUM_SLOTS; ++k) {
		put_slot(stats, k, row, nulls);
	}
	const Relation catalog = table_open(StatisticRelationId, AccessShareLock);
	const HeapTuple tuple = heap_form_tuple(RelationGetDescr(catalog), row, nulls);
	table_close(catalog, AccessShareLock);
	return tuple;
}

} // namespace

HeapTuple analyze_values(const SampledValues &values) {
	if (values.count == 0) {
		return nullptr;
	}
	VacAttrStats *const stats = describe_values(values.type, values.typmod, values.collation);
	if (!prepare(stats) || stats->compute_stats == nullptr) {
		return nullptr;
	}
	stats->exprvals = values.values;
	stats->exprnulls = values.nulls;
	stats->rowstride = 1;
	stats->compute_stats(stats, fetch, values.count, Max(values.rows, values.count));
	if (!stats->stats_valid) {
		return nullptr;
	}
	correct_distinct(stats, values);
	return form_row(stats);
}

} // namespace warden::advice
