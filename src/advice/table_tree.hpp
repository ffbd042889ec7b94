// table_tree.hpp - The tables that have the rows of a partitioned one, and what its indexes are in them.
//
// C++ code; the caller holds a lock on the table.
#pragma once

#include "advice/index_shape.hpp"

#include "pg/server.hpp"

namespace warden::advice {

/// The table itself, or its partitions that have rows, without foreign ones; locked in ACCESS SHARE mode.
std::vector<Oid> leaves_of(Oid table);

/// The index that a partition gets: of its own columns, which may be in another order.
IndexShape shape_in(const IndexShape &shape, Oid partition);

} // namespace warden::advice
