// statement_times.hpp - The times of the statements that an index is judged by, added up from pg_stat_statements.
//
// The invariant: what is added was counted between two looks; an interval in which counters were reset counts only as
// far as it is known when that was.
#pragma once

#include "pg/spi.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace warden::advice {

/// Finds the statements that write to an advice's table, by what their texts begin with, and has them measured too.  As
/// the extension's owner, as all here.  Returns false if there is no pg_stat_statements that can be read.
bool find_writers(std::int64_t advice);

/// What to do with what was counted since the last look: add it, or pass over it.
enum class Interval { Counted, Skipped };

/// Looks at the counters of all statements of an advice.  Of one that was never looked at, all counts that there are
/// count.  Returns false if they cannot be read.
bool measure_statements(std::int64_t advice, Interval interval);

/// How long a query takes since there is an index that was advised for it.
struct TimeSince {
	std::int64_t query = 0;
	double mean_ms = 0;
};

/// Of all queries of which that was measured, by their ids.
std::vector<TimeSince> times_since_built();

} // namespace warden::advice
