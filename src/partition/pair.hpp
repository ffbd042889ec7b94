// pair.hpp - Sets that leave together (on_reference => 'pair'), and what of them is held.
//
// The invariant: a hold is for a range in all sets that are joined so, and counts whoever holds locks on the others: it
// is read from the catalogue, and no lock is asked for.
#pragma once

#include "partition/policy.hpp"

namespace warden::partition {

/// A partition that is held, or has one below it that is.
struct Held {
	std::string partition; ///< qualified
	std::string parent;    ///< likewise
	Range range;           ///< in which nothing leaves
};

/// What is held of a set and of all that are joined with it, directly or through others, as of this moment.  For a set
/// below one that was declared: what of others keeps the whole of it.
std::vector<Held> held_in_pairs(const Policy &policy);

/// The first of them in whose range a partition has rows; null if it has none.
const Held *find_held(const std::vector<Held> &held, const Range &range);

/// Whether a set may be joined with another at all, as far as that is told without a query.  Its table is locked.
bool may_be_paired(const Policy &policy);

} // namespace warden::partition
