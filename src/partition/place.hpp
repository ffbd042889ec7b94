// place.hpp - What a new partition is for: a range, a remainder, or a value; and all that depends on which of these.
//
// The invariant: a place is a plan only; whether it is free is asked again under the lock, of the bounds as they are
// then.
#pragma once

#include "partition/set.hpp"

#include <cstdint>
#include <variant>

namespace warden::partition {

using Place = std::variant<Range, Remainder, Value>;

/// Of a list set: a value whose rows in the default partition keep its partition from being created.
struct Collision {
	Value value;
	std::int64_t rows;                                   ///< that many, or more if it is most_counted
	bool is_declared;                                    ///< otherwise there are just many rows of it
	static constexpr std::int64_t most_counted = 10'000; ///< to tell somebody; else as many as of a range
};

/// What a set lacks.
struct Missing {
	std::vector<Place> places;
	std::vector<Collision> collisions;
	std::vector<Unreadable> unreadable; ///< declared values
};

/// What for: to create places, or also to tell somebody of collisions, for which rows are counted.
enum class Looks { ToCreate, ToTell };

/// At most `limit` places.  Of a list set looks into the default partition, as its owner.
Missing find_missing(const Policy &policy, const Set &set, std::size_t limit, Looks looks);

/// Whether a partition takes keys of the place.
bool is_taken(const Place &place, const Policy &policy, const Bounds &bounds);

/// How it is written: what tells the name of its partition from its siblings', its bound (FOR VALUES ...), and what
/// its rows have; empty if no default partition can have such rows.
std::string name_suffix(const Place &place, const Set &set);
std::string bound_of(const Place &place, const Set &set);
std::string condition_of(const Place &place, const Policy &policy, const Set &set);

} // namespace warden::partition
