// collision.hpp - What a person can do about rows that are in the way of a partition: the statements that move them.
#pragma once

#include "partition/progress.hpp"

namespace warden::partition {

/// A value whose rows in the default partition keep its partition from being created: action create, status colliding.
/// The command creates it and moves them, in one transaction; none if that would touch rows of other tables.
Outcome collision_outcome(const Work &work, const Collision &collision);

/// What it would take to have a set by hash in partitions of its declared modulus, where it has some of a lesser one: a
/// row each, action split, status skipped, with the statements that split it.
std::vector<Outcome> growth_outcomes(const Policy &policy);

} // namespace warden::partition
