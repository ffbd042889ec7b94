// drain_swap.hpp - What is done when rows have left a default partition, whichever way.
#pragma once

#include "partition/policy.hpp"
#include "pg/procedure.hpp"

#include <vector>

namespace warden::move {

/// Gathers statistics of new partitions, each in a transaction.  What fails is reported as a WARNING: autovacuum will.
void analyze_partitions(const pg::Procedure &procedure, Oid parent, const std::vector<Oid> &partitions);

/// What the view of sets says of ranges whose rows are in the default partition: that so many are left.
void record_drain(const partition::Policy &policy, std::size_t colliding);

/// How many partitions a job may make, as it was told.
std::size_t max_partitions_of(const std::optional<std::string> &every);

} // namespace warden::move
