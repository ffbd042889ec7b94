// given_advice.hpp - Remembers what indexes were advised, so that it can be measured whether they helped.
//
// C++ code.  The invariants: remembering never makes advice fail, and nobody waits for it longer than
// warden.lock_timeout; no text of a query is kept, only its id.
#pragma once

#include "advice/index_shape.hpp"

#include <optional>

namespace warden::advice {

/// A query that an index is for.
struct ServedQuery {
	std::int64_t id = 0;    ///< the server's query id; queries that the caller gave as text have none, and are left out
	double cost_before = 0; ///< in the planner's units: of the plan without the index
	double cost_after = 0;  ///< and with it, all else that is advised being there both times
};

struct GivenAdvice {
	IndexShape shape;
	std::string command = {};            ///< that builds it
	std::int64_t bytes = 0;              ///< what it is expected to be
	std::optional<double> saved_ms = {}; ///< a day; none: the queries' times are not known
	std::optional<double> write_ms = {}; ///< a day; what it costs whoever writes to the table
	std::vector<ServedQuery> queries = {};
};

/// What is the same for indexes that plans cannot tell apart, and for no others; names of operator classes do not
/// matter.
std::string text_of(const IndexShape &shape);

/// Remembers that these indexes were advised, of each shape once: the same one again takes the place of what was
/// predicted before.  Does nothing in a transaction that is read-only, on a standby, or where the extension's tables
/// cannot be written.
void remember(const std::vector<GivenAdvice> &advice);

} // namespace warden::advice
