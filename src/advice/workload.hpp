// workload.hpp - The statements that advice is based on: of pg_stat_statements, and of what was sampled.
//
// C++ code.  The invariants: nobody is told of a statement that he may not read, and none is left out silently: what
// cannot be planned says why.
#pragma once

#include "advice/statement.hpp"

#include "pg/server.hpp"

namespace warden::advice {

enum class Source : std::uint8_t { PgStatStatements, Sample };

/// A statement, and what is known of it.
struct Recorded {
	Statement statement = {};
	Source source = Source::Sample; ///< of the figures
	bool is_sampled = false;        ///< its text is as it was run
	double calls = 0;               ///< since `since`; of a sample an estimate
	double milliseconds = 0;        ///< of all calls together
	double rows = 0;
	std::optional<double> planning_ms = {}; ///< of the sampled call
	TimestampTz since = 0;
};

/// All statements of this database that the current user may read: those of his roles, or of all for a member of
/// pg_read_all_stats.  The costly ones come first.
std::vector<Recorded> read_recorded();

/// Those that advice is given for: the costly ones that make up 99 % of the time of all, and cheap ones that may set
/// columns, 500 at most; and those that cannot be planned, as many at most, of which `skipped` says why.  A statement
/// that was sampled with several values is there with each of them, with the same id and its part of the weight.
std::vector<Statement> read_workload();

} // namespace warden::advice
