// existing_indexes.hpp - The indexes that a table has, in the form that all of advice works with.
#pragma once

#include "advice/known_indexes.hpp"

#include "pg/server.hpp"

namespace warden::advice {

/// What an index is.  C++ code; the caller holds a lock on its table.  An index that is attached to one of a
/// partitioned table has the shape of that one.
IndexShape shape_of(Oid index);

/// The same of one that is attached as it is itself, by the numbers that columns have in its own table.
IndexShape shape_as_it_is(Oid index);

/// Adds the valid indexes of a table, and of its partitions and children, that plans may use.  Of those that are
/// attached, the topmost stands for all.  As the table's owner, whose functions may run; keeps no lock, and waits for
/// none longer than warden.lock_timeout.
void add_existing(KnownIndexes &indexes, Oid table);

} // namespace warden::advice
