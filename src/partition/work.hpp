// work.hpp - What is due of a set: the steps to take, found with no lock but that of a look.
//
// The invariant: a task is a plan only; each step looks again, under its locks, whether it is still right.
#pragma once

#include "partition/set.hpp"
#include "partition/retire.hpp"

namespace warden::partition {

/// A step to take.
struct Task {
	const char *action;
	std::optional<Place> place; ///< to create
	Oid partition = InvalidOid; ///< to retire, or one whose DETACH CONCURRENTLY was interrupted
	bool finalizes = false;     ///< the latter
	bool has_expired = true;    ///< also of the latter

	/// What to create, if that is a range.
	const Range *range() const { return place ? std::get_if<Range>(&*place) : nullptr; }

	bool creates() const { return place.has_value(); }
	bool retires() const { return !creates() && !finalizes; }
};

/// What is due of a set.
struct Work {
	Policy policy;
	Set set;
	std::vector<Task> tasks;
	Expiry expiry;
	std::vector<Collision> collisions; ///< what cannot be created before rows are moved
	std::vector<Unreadable> unreadable;
	std::size_t locks = 0;        ///< that they will hold, about
	bool is_all = true;           ///< otherwise more is due than these tasks
	std::optional<Error> unknown; ///< why it is not known what has expired by its size

	/// What is to be done with a partition that exists; null: nothing.
	const Task *find(Oid partition) const;
};

/// The locks that a partition keeps until the transaction ends in which it is created or dropped, about.  The parent is
/// locked.
std::size_t locks_per_partition(Oid parent);

/// What is due of a set, as far as one transaction may hold the locks for it (std::nullopt: a transaction for each
/// step); std::nullopt if its table has been dropped.
std::optional<Work> find_work(const Policy &policy, std::optional<std::size_t> locks);

/// What keeps a task from being done and can be told before any lock is asked for; else one failing partition would
/// cost everybody a lock in every run.
std::optional<Error> find_obstacle(const Work &work, const Task &task);

/// Takes the locks of a task, and does it: std::nullopt if it is not needed any more.
std::optional<pg::Refusal> lock_set(const Work &work, const Task &task);
std::optional<Done> perform(const Work &work, const Task &task);

/// What perform() would do now.
Done plan(const Work &work, const Task &task);

} // namespace warden::partition
