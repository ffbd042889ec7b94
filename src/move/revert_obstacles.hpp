// revert_obstacles.hpp - What a partitioned table has that a plain one cannot have, looked at before anything starts.
//
// The invariants: what does something is never lost: a trigger, a rule, a foreign key or a publication of a partition
// alone has the reversion refused.  What only was of use to a partition, like an index of its own, is told in the plan
// and goes with it.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// A partitioned table and all below it.
struct Tree {
	Oid parent;
	std::vector<Oid> children = {};   ///< the partitions of the parent itself
	std::vector<Oid> partitions = {}; ///< all, those nearer the parent first
	std::vector<Oid> leaves = {};     ///< those that have rows, by OID
	Oid model = InvalidOid; ///< the newest leaf, whose storage the plain table has; the parent if there is none
};

/// As of this moment.  Those that are being detached belong to it.
Tree read_tree(Oid parent);

/// Refuses what cannot be reverted: 42501 other owners, 42809 not partitioned, 0A000 a foreign table and the like,
/// 55000 what would be lost, 2BP01 what depends on a partition.
void check_tree(const Tree &tree);

/// What goes with the partitions, in words.
std::vector<std::string> losses_of(Oid parent);

} // namespace warden::move
