// position.hpp - How far a set of numbers has come: what the clock is to a set of time.
//
// The invariant: a row far off does not move it.  It is the sequence's behind the key, where there is one that is in
// use; else it is read from the newest partition that has rows, and never from a default one.
#pragma once

#include "partition/bounds.hpp"

namespace warden::partition {

struct Position {
	Moment number;
	bool is_known; ///< else nothing may be retired by it
};

/// The last number that the sequence behind the key has given out; std::nullopt if there is none or it is not in use.
/// Reads no row of a user's.
std::optional<Moment> sequence_position(Oid parent, const Key &key);

/// The same, or from the partitions' rows, as their owner.
Position find_position(Oid parent, const Bounds &bounds, Moment anchor);

} // namespace warden::partition
