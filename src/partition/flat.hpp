// flat.hpp - The partitions of a set without an order: by list, and by hash.
#pragma once

#include "partition/bounds.hpp"
#include "partition/kind.hpp"

namespace warden::partition {

/// Reads them from the server's own descriptor; without ranges.  Errors: 42809 not partitioned, or in another way,
/// 0A000 an expression.
Bounds read_flat_bounds(const pg::OpenRelation &parent, Method method);

} // namespace warden::partition
