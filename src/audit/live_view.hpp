// live_view.hpp - What the columns of a view show of its table.
//
// The invariant: a column of the table is known by its number, whatever names it and the view's column have been given.
#pragma once

#include "pg/server.hpp"

namespace warden::audit {

/// Server code.  The one table that a view is of; none if it is of others, or more than a plain selection.
Oid table_of_view(Relation view);

/// Server code.  The view's column that shows a column of its table; 0 if none does.
int column_showing(Relation view, int number);

/// Server code.  The table's column that the view's column of this name shows; 0 if there is none.
int column_shown(Relation view, const char *name);

} // namespace warden::audit
