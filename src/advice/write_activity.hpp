// write_activity.hpp - What is written to a table, as the server has counted it.
//
// C++ code.
#pragma once

#include "advice/known_indexes.hpp"
#include "advice/write_cost.hpp"

#include "pg/server.hpp"

namespace warden::advice {

/// UPDATE statements of the workload that change a column.
struct ColumnChanges {
	ObjectId table = 0;
	std::int16_t column = 0;
	double calls = 0; ///< a day
};

struct WriteActivity {
	ObjectId table = 0;
	WriteRates rates = {};
	double bytes = 0;       ///< of the table, without its TOAST table
	double index_bytes = 0; ///< of all of its indexes
	/// Columns whose change needs a new entry in some index already.
	std::vector<std::int16_t> indexed = {};
	/// Columns of which new rows have the largest values so far.
	std::vector<std::int16_t> growing = {};
};

/// Of a table with all its partitions.  The rates are 0 where the server has counted nothing.
WriteActivity read_activity(ObjectId table);

/// What of an index matters for what it costs writers.
IndexUpkeep upkeep_of(const KnownIndex &index, const WriteActivity &activity,
                      const std::vector<ColumnChanges> &changes);

/// By the settings of the server, and what a unit of the planner's costs takes.
Prices read_prices(double milliseconds_per_cost);

} // namespace warden::advice
