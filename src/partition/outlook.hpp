// outlook.hpp - What is ahead of a set, for a person to act on: how far it reaches, what is due next, and why what has
// expired is still there.
//
// The invariant: a look reads the catalogue and the sequence of a key, never a row of a user's, and runs no code of
// theirs.
#pragma once

#include "partition/set.hpp"

namespace warden::partition {

/// What is known of a set without looking at its rows.
struct Outlook {
	std::optional<Moment> now;         ///< the clock, or the last number that a sequence has given out
	std::optional<Moment> covered;     ///< the first key from there on that has no partition
	const char *next_action = nullptr; ///< create, drop, detach, archive: what is due next of a set of time
	Moment next_due = end;
};

Outlook look_ahead(const Policy &policy, const Bounds &bounds, const Zone &zone);

/// When a partition of time may be retired by its age; `end` if never.
Moment expiry(const Policy &policy, const Range &range, const Zone &calendar_zone);

/// Why each partition of bounds.ranges is still there.
std::vector<std::string> reasons_to_stay(const Policy &policy, const Bounds &bounds, const Outlook &outlook,
                                         const Zone &zone);

/// Says in the log how far a set reaches still, if that is less than half as far as it should; creating what is missing
/// has failed.
void warn_of_end(const Policy &policy);

} // namespace warden::partition
