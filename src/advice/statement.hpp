// statement.hpp - A statement of the workload, with all that planning it needs.
//
// Plain C++: it comes from the caller, from what was sampled, or from pg_stat_statements.
#pragma once

#include "advice/index_shape.hpp"

#include <optional>

namespace warden::advice {

struct Parameter {
	ObjectId type = 0;                ///< 0: it has to be inferred
	std::optional<std::string> value; ///< as text; none: a NULL, if it is known at all
};

struct Statement {
	std::int64_t id = 0; ///< the server's query id; of those given by the caller their place in the list, from 1 on
	std::string text;    ///< one statement
	ObjectId role = 0;   ///< whose plan it is; 0: the current user's
	std::optional<std::string> search_path; ///< none: the caller's
	std::vector<Parameter> parameters;      ///< $1 ...
	bool has_values = false;  ///< the parameters' values are known; otherwise they are planned as any value
	double calls_per_day = 0; ///< 0: not known
	std::optional<double> milliseconds_per_day; ///< none: it was given, and has weight 1
	std::string skipped;                        ///< why it is not planned; empty: it is
};

} // namespace warden::advice
