#include "partition/maintenance.hpp"

#include "partition/hold.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "storage/lock.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::size_t most_tasks = 10'000; // for a set in one CALL; the rest is for the next

/// A step to take.
struct Task {
	const char *action;
	std::optional<Range> range; ///< to create
	Oid partition = InvalidOid; ///< to retire
};

/// What is due of a set.
struct Work {
	Policy policy;
	Set set;
	std::vector<Task> tasks;
	std::size_t locks = 0; ///< that they will hold, about
	bool is_all = true;    ///< otherwise more is due than these tasks
};

/// The partitions that have expired, but for those that somebody holds.
std::vector<Oid> find_expired(const Set &set) {
	const auto count = static_cast<std::ptrdiff_t>(set.expired());
	std::vector<Oid> expired(set.bounds.oids.begin(), set.bounds.oids.begin() + count);
	if (!expired.empty()) {
		const std::vector<Oid> held = held_partitions();
		std::erase_if(expired, [&](Oid partition) { return std::ranges::binary_search(held, partition); });
	}
	return expired;
}

/// What is due of a set, as far as one transaction may hold the locks for it (std::nullopt: a transaction for each
/// step); std::nullopt if its table has been dropped.
std::optional<Work> find_work(const Policy &policy, std::optional<std::size_t> locks) {
	const PinnedSettings settings;
	if (const auto refusal = take_lock(policy.parent, AccessShareLock)) {
		throw Error(refusal->error);
	}
	if (!relation_exists(policy.parent)) {
		return std::nullopt;
	}
	Work work{policy, examine(policy), {}};
	const std::size_t each = locks_per_partition(policy.parent);
	const std::size_t limit = locks ? *locks / each : most_tasks;
	std::vector<Range> missing = work.set.missing(limit + 1);
	std::vector<Oid> expired = find_expired(work.set);
	work.is_all = missing.size() + expired.size() <= limit;
	missing.resize(std::min(missing.size(), limit));
	expired.resize(std::min(expired.size(), limit - missing.size()));
	for (const Range &range : missing) {
		work.tasks.push_back({.action = "create", .range = range});
	}
	for (const Oid partition : expired) {
		work.tasks.push_back({.action = retirement_action(policy), .range = {}, .partition = partition});
	}
	work.locks = work.tasks.size() * each;
	return work;
}

/// What can be told before any lock is asked for; else one failing partition would cost everybody a lock in every run.
std::optional<Error> check(const Work &work, const Task &task) {
	return task.range ? std::nullopt : attempt([&] { check_retirement(work.policy, task.partition); });
}

std::optional<Refusal> lock_set(const Work &work, const Task &task) {
	return task.range ? lock_to_create(work.policy) : lock_to_retire(work.policy);
}

std::optional<Done> perform(const Work &work, const Task &task) {
	return task.range ? create_partition(work.policy, *task.range)
	                  : retire_partition(work.policy, task.partition, work.set.window.cutoff);
}

Done plan(const Work &work, const Task &task) {
	const PinnedSettings settings;
	return task.range ? plan_creation(work.set, read_blueprint(work.policy, work.set.bounds), *task.range)
	                  : plan_retirement(work.policy, task.partition);
}

std::string sqlstate_and_message(const Error &error) {
	return format("%s: %s", call(unpack_sql_state, error.sqlstate), error.what());
}

/// The work on one set: the outcomes so far, and what to record of them.
class Progress {
public:
	explicit Progress(const Policy &policy) : policy_(policy) {}

	void done(const Task &task, const Done &done) {
		state_.did_something = true;
		outcomes_.push_back({done.partition, task.action, "done", done.command, std::nullopt});
	}

	void planned(const Task &task, const Done &planned, std::optional<std::string> detail = std::nullopt) {
		outcomes_.push_back({planned.partition, task.action, "planned", planned.command, std::move(detail)});
	}

	/// A step failed, or the look at the set did.  The planned step is told of, if there is one.
	void failed(const Error &error, const char *action, const std::optional<Done> &planned) {
		if (!state_.error) {
			state_.error = sqlstate_and_message(error);
			if (is_blocked(error)) {
				state_.blocked_by = error.detail;
			}
		}
		Outcome outcome = failure(error, action);
		if (planned) {
			outcome.partition = planned->partition;
			outcome.command = planned->command;
		}
		outcomes_.push_back(std::move(outcome));
	}

	/// More is due than was looked at.
	void more() {
		outcomes_.push_back({std::nullopt, "maintain", "planned", std::nullopt,
		                     "More is due than one transaction should lock: CALL warden.maintain() does all of it."});
	}

	/// Nothing more can be done with the set, because it is locked.
	void stop() { stopped_ = true; }

	/// A task failed.  A range whose rows are in the default partition does not keep the others from being created;
	/// what else keeps one partition from being created would keep the next.  What keeps one from being retired is its
	/// own.
	void stop_after(const Task &task, const Error &error) {
		creation_stopped_ |= task.range.has_value() && error.sqlstate != ERRCODE_CHECK_VIOLATION;
	}

	bool goes_on_with(const Task &task) const { return !stopped_ && !(task.range && creation_stopped_); }

	void record() const { write_state(policy_, state_); }
	const std::vector<Outcome> &outcomes() const { return outcomes_; }

private:
	const Policy &policy_;
	State state_;
	std::vector<Outcome> outcomes_;
	bool stopped_ = false;
	bool creation_stopped_ = false;
};

/// What the step that failed would have been; it may be that even this cannot be said.
std::optional<Done> describe(const Work &work, const Task &task) {
	std::optional<Done> planned;
	if (attempt([&] { planned = plan(work, task); })) {
		return std::nullopt;
	}
	return planned;
}

void fail(Progress &progress, const Work &work, const Task &task, const Error &error) {
	progress.failed(error, task.action, describe(work, task));
	progress.stop_after(task, error);
}

void refuse(Progress &progress, const Work &work, const Task &task, const Refusal &refusal) {
	progress.failed(refusal.error, task.action, describe(work, task));
	progress.stop();
}

void do_task(Progress &progress, const Work &work, const Task &task) {
	if (const auto refusal = lock_set(work, task)) {
		refuse(progress, work, task, *refusal);
		return;
	}
	std::optional<Done> done;
	if (const auto error = attempt([&] { done = perform(work, task); })) {
		fail(progress, work, task, *error);
	} else if (done) {
		progress.done(task, *done);
	}
}

/// In one transaction locks only add up, so the strongest is taken first: to ask for it after weaker ones is how
/// deadlocks are made.  If it is not to be had, the creations are done all the same.
void do_tasks(Progress &progress, const Work &work) {
	std::vector<std::optional<Error>> obstacles;
	bool retires = false;
	for (const Task &task : work.tasks) {
		obstacles.push_back(check(work, task));
		retires |= !task.range && !obstacles.back();
	}
	const std::optional<Refusal> no_retirement = retires ? lock_to_retire(work.policy) : std::nullopt;
	for (std::size_t i = 0; i < work.tasks.size(); ++i) {
		const Task &task = work.tasks[i];
		if (!progress.goes_on_with(task)) {
			continue;
		}
		if (const auto &obstacle = obstacles[i]) {
			fail(progress, work, task, *obstacle);
		} else if (!task.range && no_retirement) {
			refuse(progress, work, task, *no_retirement);
		} else {
			do_task(progress, work, task);
		}
	}
}

void plan_tasks(Progress &progress, const Work &work) {
	for (const Task &task : work.tasks) {
		if (const auto obstacle = check(work, task)) {
			fail(progress, work, task, *obstacle);
		} else {
			progress.planned(task, plan(work, task));
		}
	}
}

void declare(Progress &progress, const Work &work) {
	for (const Task &task : work.tasks) {
		if (!task.range) {
			progress.planned(task, plan(work, task), "by the next maintenance");
		} else if (progress.goes_on_with(task)) {
			do_task(progress, work, task);
		}
	}
}

std::vector<Policy> own_policies() {
	std::vector<Policy> policies = read_policies();
	std::erase_if(policies, [](const Policy &policy) { return !owns(policy.parent); });
	return policies;
}

Policy own_policy(Oid parent) {
	check_owner(parent);
	return known_policy(parent);
}

void warn(const Policy &policy, const char *action, const Error &error) {
	Error warning(error.sqlstate, format("could not %s%s of table %s: %s", action,
	                                     std::string_view(action) == "maintain" ? " partitions" : " a partition",
	                                     qualified_name(policy.parent).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = error.hint;
	report(WARNING, warning);
}

/// How one task ended in a transaction of its own.
struct Ending {
	std::optional<Error> error;
	std::optional<Refusal> refusal;
};

Ending perform_once(Progress &progress, const Work &work, const Task &task) {
	const ScratchMemory memory;
	Ending ending{.error = check(work, task), .refusal = {}};
	if (!ending.error) {
		ending.refusal = lock_set(work, task);
	}
	if (!ending.error && !ending.refusal) {
		std::optional<Done> done;
		ending.error = attempt([&] { done = perform(work, task); });
		if (!ending.error && done) {
			progress.done(task, *done);
			report(LOG, format("%s partition %s of table %s", task.range ? "created" : "retired",
			                   done->partition.c_str(), qualified_name(work.policy.parent).c_str()));
		}
	}
	return ending;
}

/// Performs a task and commits; again while its locks are not to be had, and may be a moment later.
void perform_and_commit(const Procedure &procedure, Progress &progress, const Work &work, const Task &task) {
	for (int tries = 0;; ++tries) {
		const Ending ending = perform_once(progress, work, task);
		procedure.commit();
		const bool is_transient =
			ending.refusal ? !ending.refusal->will_last : task.range && ending.error && is_blocked(*ending.error);
		if (is_transient && tries < lock_retries()) {
			procedure.pause(lock_retry_delay_ms());
			continue;
		}
		if (ending.refusal) {
			refuse(progress, work, task, *ending.refusal);
			warn(work.policy, task.action, ending.refusal->error);
		} else if (ending.error) {
			fail(progress, work, task, *ending.error);
			warn(work.policy, task.action, *ending.error);
		}
		return;
	}
}

void maintain_step_by_step(const Procedure &procedure, const Policy &policy) {
	Progress progress(policy);
	std::optional<Work> work;
	if (const auto error = attempt([&] { work = find_work(policy, std::nullopt); })) {
		progress.failed(*error, "maintain", std::nullopt);
		warn(policy, "maintain", *error);
	}
	procedure.commit();
	if (work) {
		for (const Task &task : work->tasks) {
			if (progress.goes_on_with(task)) {
				perform_and_commit(procedure, progress, *work, task);
			}
		}
	}
	progress.record();
	procedure.commit();
}

} // namespace

std::size_t locks_of_a_transaction() {
	return static_cast<std::size_t>(max_locks_per_xact) * static_cast<std::size_t>(MaxConnections) / 2;
}

std::size_t locks_per_partition(Oid parent) {
	const OpenRelation table(parent, NoLock);
	return 6 + static_cast<std::size_t>(call([&] { return list_length(RelationGetIndexList(table.get())); }));
}

Outcome failure(const Error &error, const char *action) {
	const bool blocked = is_blocked(error);
	std::string detail = blocked ? error.message : sqlstate_and_message(error);
	if (!error.detail.empty()) {
		detail += (detail.ends_with('.') ? " " : ". ") + error.detail;
	}
	return {std::nullopt, action, blocked ? "blocked" : "failed", std::nullopt, detail};
}

std::vector<Outcome> maintain_in_transaction(const Policy &policy, Mode mode, std::size_t &locks) {
	const ScratchMemory memory;
	Progress progress(policy);
	const auto error = attempt([&] {
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
			if (!work->is_all) {
				progress.more();
			}
		}
	});
	if (error) {
		progress.failed(*error, "maintain", std::nullopt);
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

bool can_maintain() {
	if (call(RecoveryInProgress)) {
		report(NOTICE, Error(ERRCODE_SUCCESSFUL_COMPLETION, "maintenance runs on the primary server only")
		                   .with_detail("This server is in recovery."));
		return false;
	}
	return true;
}

void maintain_all(const Procedure &procedure) {
	if (!can_maintain()) {
		return;
	}
	call(PreventCommandIfReadOnly, "warden.maintain()");
	delete_orphans();
	delete_old_holds();
	const std::vector<Policy> policies = own_policies();
	procedure.commit();
	for (const Policy &policy : policies) {
		check_for_interrupts();
		maintain_step_by_step(procedure, policy);
	}
	trim_log();
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
		add_outcomes(rows, policy.parent,
		             maintain_in_transaction(policy, dry_run ? Mode::DryRun : Mode::Maintain, locks));
	}
	PG_RETURN_NULL();
}

} // namespace warden::partition
