// retire.hpp - One partition retired: a step that is whole or has not been.
//
// The invariant: nothing leaves but what has expired by its own upper bound, which is looked at again under the lock;
// and nothing goes with it that somebody still needs.
#pragma once

#include "partition/retention.hpp"
#include "partition/steps.hpp"

namespace warden::partition {

/// What of the catalogue keeps a partition from being retired: the errors of check_dependents(), 42501 if it has
/// another owner, and 3F000 or 42501 if the archive is not there or not open to the owner.  Runs no code of the table's
/// owner.
std::optional<Error> find_hindrance(const Policy &policy, Oid partition);

/// What is to be done with a partition once it is detached: the statements that drop it, or put it into the archive.
std::vector<std::string> after_detachment(const Policy &policy, Oid partition);

/// Whether a partition is detached before it goes, so that no row may refer to it.
bool is_detached_first(const Policy &policy, Oid partition);

/// Whether the statements reached the table that they were made for.
bool has_left(const Policy &policy, Oid partition);

/// Looks, before any lock is asked for, whether a partition can be retired: the errors of find_hindrance() and
/// check_references().
void check_retirement(const Policy &policy, Oid partition);

/// Locks a set so that partitions can leave it, until the end of the (sub)transaction: the parent, and the default
/// partition, which DETACH and DROP lock too.
std::optional<pg::Refusal> lock_to_retire(const Policy &policy);

/// Retires an expired partition as the policy says, and logs it.  std::nullopt if that is not right any more.  The set
/// is locked.
std::optional<Done> retire_partition(const Policy &policy, Oid partition, const Expiry &expiry);

/// What retire_partition() would do now.
Done plan_retirement(const Policy &policy, Oid partition);

} // namespace warden::partition
