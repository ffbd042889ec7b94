// retention.hpp - What of a set has expired by rules that its own bounds and the clock do not tell: its size, and the
// retention of the sets that it refers to.
#pragma once

#include "partition/set.hpp"

namespace warden::partition {

/// The moment, as a key of the set, up to which its partitions have expired: by age and number as examine() has it, by
/// size, and together with those of a set that it refers to and that takes it along (on_reference => 'pair').  Reads
/// the sizes of files, and looks at those other sets, at their rows only where it may.  Adds the policies of those that
/// take it along to `others`.
Moment find_cutoff(const Policy &policy, const Set &set, bool may_read_rows, std::vector<Policy> &others);

/// The policies, those of sets that refer to others before these.
std::vector<Policy> in_order(std::vector<Policy> policies);

} // namespace warden::partition
