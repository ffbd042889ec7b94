// index_size.hpp - How large an index would be, and whether it could be built.
//
// C++ code.  The invariants: nothing is written, no page is dirtied; code of the table's owner runs as the owner, in a
// restricted operation that cannot write.
#pragma once

#include "advice/known_indexes.hpp"

namespace warden::advice {

/// The caller holds a lock on the table.  Of a partitioned table it is the sum of all partitions, and the height of the
/// highest.
IndexSize estimate_size(const IndexShape &shape);

/// The same for many of which few will matter: of a B-tree of columns without a look at the table's rows, also where
/// the statistics leave it in doubt.
IndexSize quick_size(const IndexShape &shape);

} // namespace warden::advice
