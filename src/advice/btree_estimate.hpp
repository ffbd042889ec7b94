// btree_estimate.hpp - What is known of the entries of a B-tree that need not exist, without a look at its table.
#pragma once

#include "advice/btree_size.hpp"
#include "advice/index_shape.hpp"

#include "pg/server.hpp"

#include <optional>

namespace warden::advice {

/// Whether its entries with equal keys are kept as one.  C++ code.
bool deduplicates(const IndexShape &shape);

/// The entries as the statistics of the columns have them; nothing if these do not say enough, so that rows have to be
/// looked at.  Of all rows, and of columns only.  In doubt, a quick answer takes columns not to depend on each other.
/// C++ code.
std::optional<BtreeEntries> btree_entries(const IndexShape &shape, Relation table, double rows, bool is_quick = false);

/// As many keys as the columns have combinations, by their statistics; of all rows if these do not say.  C++ code.
double most_keys(const IndexShape &shape, Relation table, double rows);

} // namespace warden::advice
