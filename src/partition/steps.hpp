// steps.hpp - One partition created, or one retired: each a step that is whole or has not been.
//
// The invariant: what was planned is checked again under the lock, against the policy and the bounds as they are then.
// Locks are asked for in one order, parent before default partition before partition before foreign-key peers; once
// somebody may wait for us, we wait for nobody.
#pragma once

#include "partition/blueprint.hpp"
#include "partition/place.hpp"
#include "pg/lock.hpp"

namespace warden::partition {

/// What a step did, or would do.
struct Done {
	std::string partition; ///< qualified
	std::string command;   ///< the statements, for a person to run
};

/// Looks, before any lock is asked for, whether a partition can be retired: the errors of check_dependents() and
/// check_references(), 42501 if it has another owner, 55000 if a DETACH CONCURRENTLY of it was interrupted.
void check_retirement(const Policy &policy, Oid partition);

/// Locks a set for one kind of step, until the end of the (sub)transaction: the parent, so that nobody else changes the
/// set; and to retire, the default partition, which DETACH and DROP lock too.
std::optional<pg::Refusal> lock_to_create(const Policy &policy);
std::optional<pg::Refusal> lock_to_retire(const Policy &policy);

/// Creates a partition, and logs it.  std::nullopt if it is not needed any more.  The set is locked.
std::optional<Done> create_partition(const Policy &policy, const Place &place);

/// Retires an expired partition as the policy says, and logs it.  std::nullopt if that is not right any more.  The set
/// is locked.
std::optional<Done> retire_partition(const Policy &policy, Oid partition, Moment cutoff);

/// What create_partition() and retire_partition() would do now.
Done plan_creation(const Policy &policy, const Set &set, const Place &place);
Done plan_retirement(const Policy &policy, Oid partition);

/// "detach" or "drop".
const char *retirement_action(const Policy &policy);

} // namespace warden::partition
