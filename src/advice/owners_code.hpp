// owners_code.hpp - Code that stands in indexes, run as the owners of their tables before the planner would run it as
// us.
//
// The server simplifies an index's expressions and predicate when it first looks at them, which runs functions in them
// as whoever plans, and keeps the result.  The invariant: while a statement is planned, what there is of the kind has
// been simplified already, as the table's owner in a restricted operation, and stays.
#pragma once

#include "pg/server.hpp"

namespace warden::advice {

/// Server code: the indexes with expressions or a predicate of relations, which are locked, and of their descendants,
/// which it locks.
List *indexes_with_code(const List *relations);

/// C++ code, for a subtransaction that will be undone: until then the indexes stay open, because of one that nobody has
/// open the server forgets what was simplified whenever another session tells it of a change, if only of statistics.
void run_as_owners(const List *indexes);

} // namespace warden::advice
