// remainder.hpp - What a set of hash partitions lacks: keys whose hash leaves remainders that no partition takes.
//
// Plain C++, and no hashing: only the server knows the hash of a key.  The invariant: nothing is ever proposed that
// overlaps a partition that exists, whatever its modulus; and what is proposed, with what exists, takes every key.
#pragma once

#include <cstddef>
#include <vector>

namespace warden::partition {

/// What a hash partition takes: keys whose hash, divided by the modulus, leaves the remainder.
struct Remainder {
	int modulus; ///< > 0
	int remainder;

	bool operator==(const Remainder &) const = default;
};

/// Whether two of them have keys in common.  Of two moduli in a set one divides the other.
bool overlap(const Remainder &a, const Remainder &b);

/// Whether the server lets a set have partitions of one more modulus: of any two, one divides the other.
bool is_modulus_for(const std::vector<Remainder> &existing, int modulus);

/// What to create, at most `limit` of them: of the modulus where that fits, else, where a partition of a greater
/// modulus takes a part of it, of that greater one.  The modulus is one for the set.
std::vector<Remainder> missing_remainders(const std::vector<Remainder> &existing, int modulus, std::size_t limit);

/// The remainders of a modulus that a partition of a lesser one, which divides it, takes.
std::vector<Remainder> parts_of(const Remainder &whole, int modulus);

} // namespace warden::partition
