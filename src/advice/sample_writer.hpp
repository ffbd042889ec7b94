// sample_writer.hpp - A sample of a statement that is being run.
//
// Server code that owns nothing.  The invariant: no code of a user runs for it, and nothing in it can fail as long as
// the server has memory: values of types whose text only their own functions make are not taken.
#pragma once

#include "advice/sample_board.hpp"

#include <string_view>

extern "C" {
#include "nodes/params.h"
#include "nodes/parsenodes.h"
}

namespace warden::advice {

/// Whether there is a table of users, which is what advice is about, among the relations of a statement.
bool reads_tables(const List *relations);

/// The sample of a statement whose parameters are $1 and so on; it is valid until the next one.  One that is too long
/// has no text.
const Sample *write_sample(std::string_view text, ParamListInfo parameters, bool keeps_constants, double milliseconds,
                           double planning_ms);

/// The same for a text, a part of `source`, that has names of variables for parameters, of which the tree tells the
/// places; nullptr if it reads no table, or cannot be written as one statement.
const Sample *write_named_sample(const Query *query, const char *source, std::string_view text,
                                 ParamListInfo parameters, bool keeps_constants);

} // namespace warden::advice
