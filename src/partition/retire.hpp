// retire.hpp - One partition retired: a step that is whole or has not been.
//
// The invariant: nothing leaves but what has expired by its own upper bound, which is looked at again under the lock;
// and nothing goes with it that somebody still needs.
#pragma once

#include "partition/steps.hpp"

namespace warden::partition {

/// Looks, before any lock is asked for, whether a partition can be retired: the errors of check_dependents() and
/// check_references(), 42501 if it has another owner, 55000 if a DETACH CONCURRENTLY of it was interrupted.
void check_retirement(const Policy &policy, Oid partition);

/// Locks a set so that partitions can leave it, until the end of the (sub)transaction: the parent, and the default
/// partition, which DETACH and DROP lock too.
std::optional<pg::Refusal> lock_to_retire(const Policy &policy);

/// Retires an expired partition as the policy says, and logs it.  std::nullopt if that is not right any more.  The set
/// is locked.
std::optional<Done> retire_partition(const Policy &policy, Oid partition, Moment cutoff);

/// What retire_partition() would do now.
Done plan_retirement(const Policy &policy, Oid partition);

} // namespace warden::partition
