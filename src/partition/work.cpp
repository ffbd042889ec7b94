#include "partition/work.hpp"

#include "partition/departure.hpp"
#include "partition/hold.hpp"
#include "partition/retention.hpp"
#include "partition/tree.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::size_t most_tasks = 10'000; // for a set in one CALL; the rest is for the next

// Server code.  What DROP locks, which is more than what is locked to create it: the table, its TOAST table and that
// one's index, its two types, a primary key, and everything else that hangs on it.
int count_locks(Relation parent) {
	const TupleDesc columns = RelationGetDescr(parent);
	int locks = 6 + list_length(RelationGetIndexList(parent)) + list_length(RelationGetFKeyList(parent)) +
	            list_length(RelationGetStatExtList(parent));
	if (parent->trigdesc != nullptr) {
		locks += parent->trigdesc->numtriggers;
	}
	if (columns->constr != nullptr) {
		locks += columns->constr->num_defval + columns->constr->num_check;
	}
	for (int i = 0; i < columns->natts; ++i) {
		locks += TupleDescAttr(columns, i)->attnotnull ? 1 : 0; // a constraint from PostgreSQL 18 on
	}
	return locks;
}

/// The partitions that have expired, but for those that somebody holds, or of which he holds what leaves with them.
std::vector<Oid> find_expired(const Set &set, const Expiry &expiry) {
	const std::size_t count = set.expired();
	std::vector<Oid> expired;
	for (std::size_t i = 0; i < count; ++i) {
		if (expiry.takes(set.bounds.ranges[i])) {
			expired.push_back(set.bounds.oids[i]);
		}
	}
	if (!expired.empty()) {
		const std::vector<Oid> held = held_partitions();
		std::erase_if(expired, [&](Oid partition) { return std::ranges::binary_search(held, partition); });
	}
	return expired;
}

/// As is_unchanged(), of a set that may be somebody else's.
bool is_declared(const Policy &policy) {
	const PinnedSettings settings;
	return governing_policy(policy.parent) == policy;
}

} // namespace

std::size_t locks_per_partition(Oid parent) {
	const OpenRelation table(parent, NoLock);
	return static_cast<std::size_t>(call(count_locks, table.get()));
}

const Task *Work::find(Oid partition) const {
	const auto found = std::ranges::find(tasks, partition, &Task::partition);
	return OidIsValid(partition) && found != tasks.end() ? &*found : nullptr;
}

std::optional<Work> find_work(const Policy &policy, std::optional<std::size_t> locks) {
	const PinnedSettings settings;
	pin_notation();
	if (const auto refusal = take_lock(policy.parent, AccessShareLock)) {
		throw Error(refusal->error);
	}
	if (!relation_exists(policy.parent)) {
		return std::nullopt;
	}
	Work work{.policy = policy,
	          .set = examine(policy),
	          .tasks = {},
	          .expiry = {},
	          .collisions = {},
	          .unreadable = {},
	          .unknown = {}};
	work.expiry.cutoff = work.set.window.cutoff;
	// A file that cannot be looked at must not keep partitions from being created.
	work.unknown = attempt([&] { find_expiry(policy, work.set, true, work.expiry); });
	work.set.window.cutoff = work.expiry.cutoff;
	const std::size_t each = locks_per_partition(policy.parent) * (1 + count_below(policy, work.set));
	const std::size_t limit = locks ? *locks / each : most_tasks;
	auto [missing, collisions, unreadable] =
		find_missing(policy, work.set, limit + 1, locks ? Looks::ToTell : Looks::ToCreate);
	work.collisions = std::move(collisions);
	work.unreadable = std::move(unreadable);
	std::vector<Oid> expired = find_expired(work.set, work.expiry);
	const Oid detaching = work.set.bounds.is_detaching ? find_detaching(policy.parent) : InvalidOid;
	const bool detaching_has_expired = std::erase(expired, detaching) > 0;
	work.is_all = missing.size() + expired.size() <= limit;
	missing.resize(std::min(missing.size(), limit));
	expired.resize(std::min(expired.size(), limit - missing.size()));
	for (Place &place : missing) {
		work.tasks.push_back({.action = "create", .place = std::move(place)});
	}
	if (OidIsValid(detaching)) {
		work.tasks.push_back({.action = "finalize",
		                      .place = {},
		                      .partition = detaching,
		                      .finalizes = true,
		                      .has_expired = detaching_has_expired});
	}
	for (const Oid partition : expired) {
		work.tasks.push_back({.action = name_of(policy.retention.way), .place = {}, .partition = partition});
	}
	work.locks = work.tasks.size() * each;
	return work;
}

std::optional<Error> find_obstacle(const Work &work, const Task &task) {
	return !task.retires() ? std::nullopt : attempt([&] { check_retirement(work.policy, task.partition); });
}

std::optional<Refusal> lock_set(const Work &work, const Task &task) {
	return task.creates() ? lock_to_create(work.policy) : lock_to_retire(work.policy);
}

std::optional<Done> perform(const Work &work, const Task &task) {
	if (task.retires() && !std::ranges::all_of(work.expiry.others, is_declared)) {
		return std::nullopt;
	}
	return task.place ? create_partition(work.policy, *task.place)
	                  : retire_partition(work.policy, task.partition, work.expiry);
}

Done plan(const Work &work, const Task &task) {
	const PinnedSettings settings;
	pin_notation();
	if (task.finalizes) {
		return plan_finalization(work.policy, task.partition, task.has_expired);
	}
	return task.place ? plan_creation(work.policy, work.set, *task.place)
	                  : plan_retirement(work.policy, task.partition);
}

} // namespace warden::partition
