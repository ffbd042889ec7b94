// write_cost.hpp - What an index costs those who write to its table, in milliseconds a day.
//
// Plain C++.  For each row that is inserted, or updated in such a way that indexes get new entries, one entry: the
// descent, at the planner's prices, and the page that it goes to, which may have to be read, written, and logged. On
// top of that, if it is on a column that changes: updates that needed no new entry in any index (HOT) would then need
// one in all of them.
#pragma once

#include <cstdint>

namespace warden::advice {

/// What is written to a table, in a day.
struct WriteRates {
	double inserts = 0;
	double updates = 0; ///< HOT ones among them
	double hot_updates = 0;
	double rows = 0; ///< of the table, now
	int indexes = 0; ///< that it has
};

/// What of an index matters for that.
struct IndexUpkeep {
	double share = 1;            ///< of the rows that have an entry in it, 0 to 1
	double entry_bytes = 0;      ///< of one entry
	double bytes = 0;            ///< of the index
	int height = 0;              ///< levels above the leaves
	double entries_per_row = 1;  ///< of GIN: keys in a row
	bool is_appended_to = false; ///< new entries come at its end, where the page is in memory
	bool is_summary = false;     ///< BRIN: next to nothing for each row
	/// The share of the updates that change a column that it depends on, 0 to 1; not of a summary where the server
	/// keeps such updates HOT.
	double changed_share = 0;
};

/// How the server works.
struct Prices {
	double operator_cost = 0.0025; ///< cpu_operator_cost
	double page_cost = 4;          ///< random_page_cost
	double cache_bytes = 4e9;      ///< effective_cache_size
	double milliseconds_per_cost = 0.01;
};

/// Of one new entry, in the planner's units.
double entry_cost(const IndexUpkeep &index, const WriteRates &table, const Prices &prices);

struct WriteCost {
	double milliseconds = 0;     ///< a day
	double lost_hot_updates = 0; ///< a day
	double wal_bytes = 0;        ///< a day, about
};

WriteCost write_cost(const IndexUpkeep &index, const WriteRates &table, const Prices &prices);

} // namespace warden::advice
