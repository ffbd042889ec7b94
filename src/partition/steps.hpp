// steps.hpp - One partition created: a step that is whole or has not been; and what it has in common with retire.hpp.
//
// The invariant: what was planned is checked again under the lock, against the policy and the bounds as they are then.
// Locks are asked for in one order, parent before default partition before partition before foreign-key peers; once
// somebody may wait for us, we wait for nobody.
#pragma once

#include "partition/blueprint.hpp"
#include "partition/place.hpp"
#include "partition/references.hpp"
#include "pg/lock.hpp"

namespace warden::partition {

/// What a step did, or would do.
struct Done {
	std::string partition; ///< qualified
	std::string command;   ///< the statements, for a person to run
};

/// Statements, one after the other.
std::string join(const std::vector<std::string> &statements);

/// Whether a policy is as it was: it may have changed while we waited for the lock, which who changes it holds as well;
/// and so may the owner.
bool is_unchanged(const Policy &policy);

/// What a partition of the set is for, as the catalogue has it now.
std::optional<Range> range_of(const Policy &policy, Oid partition);

/// Statements name what they are about, and only tables are locked: somebody may rename a schema under us.
Error renamed_meanwhile(Oid parent);

/// Locks a set so that nobody else changes it, until the end of the (sub)transaction.
std::optional<pg::Refusal> lock_to_create(const Policy &policy);

/// The locks that ATTACH takes beside that of the parent, all of which others notice.  If one is not free, it is waited
/// for before any other is held, and those are then taken at once or not at all: so nobody waits for us while we wait,
/// and a table that is never idle does not keep a partition from being made.
void lock_to_attach(Oid default_partition, const std::vector<Peer> &peers);

/// Creates a partition, and logs it.  std::nullopt if it is not needed any more.  The set is locked.
std::optional<Done> create_partition(const Policy &policy, const Place &place);

/// What create_partition() would do now.
Done plan_creation(const Policy &policy, const Set &set, const Place &place);

} // namespace warden::partition
