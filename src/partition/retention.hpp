// retention.hpp - What of a set has expired by rules that its own bounds and the clock do not tell: its size, and the
// retention of the sets that it refers to.
#pragma once

#include "partition/pair.hpp"
#include "partition/set.hpp"

namespace warden::partition {

/// What has expired, and what of that is to stay.
struct Expiry {
	/// The moment, as a key of the set, up to which its partitions have expired: by age and number as examine() has it,
	/// by size, and together with those of a set that it refers to and that takes it along (on_reference => 'pair').
	Moment cutoff = beginning;
	std::vector<Policy> others; ///< of those that take it along
	bool is_paired = false;     ///< whether it takes another one along, or may be taken along itself
	std::vector<Held> held;     ///< of it, and of all that it leaves with; read when something has expired

	/// Whether a partition of this range has expired and is not kept by a hold in another set.
	bool takes(const Range &range) const { return range.upper <= cutoff && find_held(held, range) == nullptr; }
};

/// Adds to what examine() has found of it.  Reads the sizes of files, and looks at the other sets, at their rows only
/// where it may.  After an error what is there already holds.
void find_expiry(const Policy &policy, const Set &set, bool may_read_rows, Expiry &expiry);

/// Whether it still takes a partition, by the holds as of this moment.  Asks for no lock.
bool still_takes(const Policy &policy, const Expiry &expiry, const Range &range);

/// The policies, those of sets that refer to others before these.
std::vector<Policy> in_order(std::vector<Policy> policies);

} // namespace warden::partition
