// outcome.hpp - Whether an index that was built on advice has helped.
//
// Plain C++.  The invariant: nothing is said of an index before it was observed for long enough, and a difference that
// may be noise is no effect.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace warden::advice {

/// Times of a statement while something did not change: what can be added up.
struct Times {
	double calls = 0;
	double milliseconds = 0; ///< the sum
	double squares = 0;      ///< the sum of their squares

	double mean() const { return calls > 0 ? milliseconds / calls : 0; }
	double error() const; ///< the standard error of the mean
};

struct ComparedStatement {
	bool writes = false; ///< it writes to the index's table; otherwise the index was built for it
	Times before = {};   ///< the index was built
	Times after = {};
};

struct Observation {
	bool is_built = false;
	bool is_dropped = false;
	double days = 0; ///< since it was built
	double scans = 0;
	bool has_times = false; ///< somebody counts the times of statements, and of some it is known that it is for them
	std::vector<ComparedStatement> statements = {};
};

/// How much is enough.
struct Patience {
	double days = 7;
	double calls = 100; ///< of all statements that it was built for
};

struct Outcome {
	const char *verdict = ""; ///< not_built, waiting, used, helped, no_effect, harmful, dropped
	std::string reason = {};
	bool is_compared = false;
	double saved_ms = 0; ///< a day, negative: lost; if statements can be compared
	double write_ms = 0; ///< a day, what writing has come to cost; 0 if that may be noise
};

Outcome judge(const Observation &observation, const Patience &patience);

} // namespace warden::advice
