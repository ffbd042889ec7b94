// set.hpp - A set at one moment: what was declared, what exists, what is due.
#pragma once

#include "partition/bounds.hpp"
#include "partition/policy.hpp"
#include "partition/position.hpp"

namespace warden::partition {

struct Set {
	Zone zone; ///< of the policy; the calendar's is that of the key
	Calendar calendar;
	Bounds bounds;
	Window window;
	Range limits{beginning, end}; ///< no partition can reach beyond

	/// The ranges to create, at most so many, and how many of bounds.ranges have expired.
	std::vector<Range> missing(std::size_t limit) const {
		return within(limits, within(bounds.key.domain, missing_ranges(bounds.ranges, calendar, window, limit)));
	}
	std::size_t expired() const { return count_expired(bounds.ranges, window); }
};

/// Looks at a set, with no lock but ACCESS SHARE on its table.  Errors: those of read_bounds() and server_zone().
Set examine(const Policy &policy);

/// The partitions of a set, whatever its kind.
Bounds read_bounds(const pg::OpenRelation &parent, const Policy &policy);

/// The same for bounds that are at hand; and for a set of numbers that has come to a position that is known.
Set examine(const Policy &policy, Bounds bounds);
Set examine(const Policy &policy, Bounds bounds, const Position &position);

} // namespace warden::partition
