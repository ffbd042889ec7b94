// departure.hpp - Partitions that leave by DETACH PARTITION ... CONCURRENTLY, so that nobody waits for the lock of
// their set; and those where such a statement was interrupted, by whoever it was.
//
// DETACH CONCURRENTLY is two transactions with a wait between them.  After the first the partition is pending: it takes
// no rows any more, its set does not show its rows, and nothing but FINALIZE helps.  The invariant: the first
// transaction writes a row into warden.partition_departures, and the one that completes the detachment takes it out and
// drops what is to be dropped.  So at any crash a partition is attached, or pending, or gone where it was to go; and
// one that is pending because of us can be told from one that somebody detaches in order to keep it, which is never
// dropped.
#pragma once

#include "partition/steps.hpp"
#include "pg/procedure.hpp"

namespace warden::partition {

/// How a step ended in a transaction of its own.  Nothing at all: it was not right any more.
struct Ending {
	std::optional<Done> done;
	std::optional<Error> error;
	std::optional<pg::Refusal> refusal;
};

/// Whether a partition can leave by DETACH CONCURRENTLY: its set has no default partition, is not just losing another
/// one, no foreign key joins the partition with another table, as that would be locked, and it is the owner's to alter
/// as a whole: it is given a CHECK.
bool can_depart(const Policy &policy, Oid partition);

/// Retires an expired partition in a background worker; commits on the way.  Does not begin while a transaction is in
/// the way that will last.  std::nullopt: it is for a lock on the set after all, because there is no room for a worker
/// or things have changed.
std::optional<Ending> depart(const pg::Procedure &procedure, const Policy &policy, Oid partition);

/// Whether a partition's DETACH CONCURRENTLY was interrupted, or is at work.
bool is_pending(const Policy &policy, Oid partition);

/// Completes the detachment of one, and drops it if that is what retention began it for and still wants.
Ending finalize(const Policy &policy, Oid partition);

/// What finalize() would do with a partition, which has expired or not.
Done plan_finalization(const Policy &policy, Oid partition, bool has_expired);

/// Forgets the departures of partitions that somebody else has finalized or dropped.
void delete_old_departures();

} // namespace warden::partition
