#include "partition/maintenance.hpp"

#include "partition/archive.hpp"
#include "partition/collision.hpp"
#include "partition/default_prepare.hpp"
#include "partition/retention.hpp"
#include "partition/tree.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/twophase.h"
#include "access/xlog.h"
#include "storage/lock.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::size_t catalogue_locks = 64; // that looking takes, about

void do_task(Progress &progress, const Work &work, const Task &task) {
	if (const auto refusal = lock_set(work, task)) {
		progress.refuse(work, task, *refusal);
		return;
	}
	std::optional<Done> done;
	if (const auto error = attempt([&] { done = perform(work, task); })) {
		progress.fail(work, task, *error);
	} else if (done) {
		progress.done(task, *done);
	}
}

std::vector<std::optional<Error>> find_obstacles(const Work &work) {
	std::vector<std::optional<Error>> obstacles = look_at_default(work);
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		if (!work.tasks[i].creates()) {
			obstacles[i] = find_obstacle(work, work.tasks[i]);
		}
	}
	return obstacles;
}

/// In one transaction locks only add up, so the strongest is taken first: to ask for it after weaker ones is how
/// deadlocks are made.  If it is not to be had, the creations are done all the same.
void do_tasks(Progress &progress, const Work &work) {
	const auto obstacles = find_obstacles(work);
	bool retires = false;
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		retires |= work.tasks[i].retires() && !obstacles[i];
	}
	const std::optional<Refusal> no_retirement = retires ? lock_to_retire(work.policy) : std::nullopt;
	clear_default(work.policy.parent);
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		const Task &task = work.tasks[i];
		if (!progress.goes_on_with(task)) {
			continue;
		}
		if (task.finalizes) {
			// It has to wait for others, and must not while this transaction holds what they may wait for.
			progress.planned(task, plan(work, task), "CALL warden.maintain() does it.");
		} else if (const auto &obstacle = obstacles[i]) {
			progress.fail(work, task, *obstacle);
		} else if (task.retires() && no_retirement) {
			progress.refuse(work, task, *no_retirement);
		} else {
			do_task(progress, work, task);
		}
	}
}

bool is_paired(const Policy &policy) {
	return policy.retention.references == Retention::References::Pair;
}

void plan_tasks(Progress &progress, const Work &work) {
	const auto obstacles = find_obstacles(work);
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		const Task &task = work.tasks[i];
		const auto &obstacle = obstacles[i];
		if (obstacle && !(obstacle->sqlstate == ERRCODE_FOREIGN_KEY_VIOLATION && is_paired(work.policy))) {
			progress.fail(work, task, *obstacle);
		} else {
			progress.planned(task, plan(work, task),
			                 obstacle ? std::optional("after the partitions that refer to it") : std::nullopt);
		}
	}
}

void declare(Progress &progress, const Work &work) {
	const auto obstacles = look_at_default(work);
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		const Task &task = work.tasks[i];
		if (!task.creates()) {
			progress.planned(task, plan(work, task), "by the next maintenance");
		} else if (!progress.goes_on_with(task)) {
			continue;
		} else if (const auto &obstacle = obstacles[i]) {
			progress.fail(work, task, *obstacle);
		} else {
			do_task(progress, work, task);
		}
	}
}

} // namespace

std::vector<Policy> own_policies() {
	std::vector<Policy> policies = read_policies();
	std::erase_if(policies, [](const Policy &policy) { return !owns(policy.parent); });
	return in_order(std::move(policies));
}

std::size_t locks_of_a_transaction() {
	const std::size_t all = static_cast<std::size_t>(max_locks_per_xact) * static_cast<std::size_t>(MaxConnections);
	return all / 2 - std::min(all / 8, catalogue_locks);
}

std::size_t locks_of_the_server() {
	return static_cast<std::size_t>(max_locks_per_xact) * static_cast<std::size_t>(MaxBackends + max_prepared_xacts);
}

std::vector<Outcome> maintain_in_transaction(const Policy &policy, Mode mode, std::size_t &locks) {
	const ScratchMemory memory;
	Progress progress(policy);
	const auto error = attempt([&] {
		if (is_suspended(policy)) {
			progress.suspended();
			return;
		}
		const std::optional<Work> work = find_work(policy, locks);
		if (work) {
			switch (mode) {
			case Mode::Maintain:
				do_tasks(progress, *work);
				locks -= work->locks;
				break;
			case Mode::Declare:
				declare(progress, *work);
				break;
			case Mode::DryRun:
				plan_tasks(progress, *work);
				break;
			}
			for (const Oid table : tables_to_move(policy.parent)) {
				const Done move = plan_move(policy, table);
				progress.tell({move.partition, "move", "planned", move.command,
				               "CALL warden.maintain() does it: others cannot use the table meanwhile."});
			}
			progress.count(work->collisions);
			for (const Collision &collision : work->collisions) {
				progress.tell(collision_outcome(*work, collision));
			}
			progress.fail(work->unreadable);
			if (work->unknown) {
				progress.failed(*work->unknown, "maintain");
			}
			if (!work->is_all) {
				progress.more();
			}
		}
	});
	if (error) {
		progress.failed(*error, "maintain");
	}
	if (mode != Mode::DryRun) {
		progress.record();
	}
	return progress.outcomes();
}

void add_outcomes(OutcomeRows &rows, Oid parent, const std::vector<Outcome> &outcomes) {
	for (const Outcome &outcome : outcomes) {
		rows.add(parent, outcome.partition, outcome.action, outcome.status, outcome.command, outcome.detail);
	}
}

void maintain_tree(OutcomeRows &rows, const Policy &policy, Mode mode, std::size_t &locks) {
	add_outcomes(rows, policy.parent, maintain_in_transaction(policy, mode, locks));
	for (const Policy &below : policies_below(policy)) {
		check_for_interrupts();
		add_outcomes(rows, below.parent, maintain_in_transaction(below, mode, locks));
	}
}

bool can_maintain() {
	if (call(RecoveryInProgress)) {
		report(NOTICE, Error(ERRCODE_SUCCESSFUL_COMPLETION, "maintenance runs on the primary server only")
		                   .with_detail("This server is in recovery."));
		return false;
	}
	return true;
}

/// partition_maintain(parent regclass, dry_run boolean) returns table (parent, partition, action, status, command,
/// detail)
PG_FUNCTION(partition_maintain) {
	const auto parent = argument<std::optional<Oid>>(fcinfo, 0);
	const auto dry_run = required_argument<bool>(fcinfo, 1, "dry_run");

	OutcomeRows rows(fcinfo);
	if (!can_maintain()) {
		PG_RETURN_NULL();
	}
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.partition_maintain()");
		delete_orphans();
	}
	const std::vector<Policy> policies = parent ? std::vector{own_policy(*parent)} : own_policies();
	std::size_t locks = locks_of_a_transaction();
	for (const Policy &policy : policies) {
		maintain_tree(rows, policy, dry_run ? Mode::DryRun : Mode::Maintain, locks);
	}
	PG_RETURN_NULL();
}

} // namespace warden::partition
