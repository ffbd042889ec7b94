// analysis.hpp - A statement's text made ready for the planner.
#pragma once

#include "advice/statement.hpp"

#include "pg/server.hpp"

extern "C" {
#include "nodes/params.h"
#include "nodes/parsenodes.h"
}

namespace warden::advice {

/// Plain, in server memory.
struct Analysis {
	List *queries;            ///< of which there may be several, or none, after rules were applied
	ParamListInfo parameters; ///< nullptr: they are not known
	List *relations;          ///< object ids of those that the queries name, views and subqueries resolved
};

/// Server code: parses, analyses and rewrites.  Statements that only wrap another (EXPLAIN, PREPARE, DECLARE CURSOR,
/// CREATE TABLE AS, COPY (query) TO) become that.  Relations are locked as the statement would; to plan it again later,
/// ACCESS SHARE is enough.  Errors: those of the statement; 0A000 if there is nothing in it to be planned.
Analysis analyze(const Statement &statement);

} // namespace warden::advice
