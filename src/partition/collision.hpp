// collision.hpp - What only a person can do: move rows that are in the way of a partition, or say what a value is
// called now.
#pragma once

#include "partition/progress.hpp"

namespace warden::partition {

/// A value whose rows in the default partition keep its partition from being created: action create, status colliding.
/// The command creates it and moves them, in one transaction; none if that would touch rows of other tables.
Outcome collision_outcome(const Work &work, const Collision &collision);

/// The same as an error, as it is of a range.
Error collision_error(const Work &work, const Collision &collision);

/// What keeps a declared value that cannot be read any more from having a partition; and the command that declares the
/// set without all of these, with which the hint goes on.
Error unreadable_error(const Policy &policy, const Unreadable &key);
std::string command_without(const Policy &policy, const std::vector<Unreadable> &keys);

/// What it would take to have a set by hash in partitions of its declared modulus, where it has some of a lesser one: a
/// row each, action split, status skipped, with the statements that split it.
std::vector<Outcome> growth_outcomes(const Policy &policy);

} // namespace warden::partition
