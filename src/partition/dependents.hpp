// dependents.hpp - What is below a partition, and what depends on it, as the catalogue has it.
//
// The invariant: nothing that depends on a partition goes with it, but for its own parts.  No lock keeps what is looked
// at from being dropped meanwhile, so nothing here fails because it was.
#pragma once

#include "pg/server.hpp"

#include <vector>

namespace warden::partition {

/// A partition and what is below it, which leaves with it; the partition first.
std::vector<Oid> tree_of(Oid partition);

/// Error 2BP01 if something depends on a partition, or one below it, that DROP without CASCADE would not take with it;
/// but for foreign keys, if it is detached first.
void check_dependents(Oid partition, bool is_detached_first);

} // namespace warden::partition
