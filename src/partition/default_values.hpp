// default_values.hpp - How many rows a default partition has of the values of a list.
//
// The invariant: whether a row is of a value is for the operator of the partition key to say, which runs as the owner
// of the default partition, under a lock that stops nobody.
#pragma once

#include "partition/default_leaves.hpp"

namespace warden::partition {

/// Of each value, up to a limit: where the tables below it (those that find_leaves() has found) are all indexed it is
/// looked up; else they are read once for all of the values.  The parent is open.
std::vector<std::int64_t> count_values(const pg::OpenRelation &parent, Oid default_partition,
                                       const std::vector<Leaf> &leaves, const std::vector<Value> &values,
                                       std::int64_t most);

} // namespace warden::partition
