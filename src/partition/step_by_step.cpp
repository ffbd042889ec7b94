// step_by_step.cpp - CALL warden.maintain(): each step in a transaction of its own, so that locks are held for
// milliseconds, and a step that is refused its locks is tried again a moment later.
#include "partition/maintenance.hpp"

#include "partition/archive.hpp"
#include "partition/collision.hpp"
#include "partition/default_prepare.hpp"
#include "partition/departure.hpp"
#include "partition/hold.hpp"
#include "partition/outlook.hpp"
#include "partition/tree.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::int64_t most_warnings = 10; // of collisions of a set

void warn(const Policy &policy, const char *action, const Error &error) {
	Error warning(error.sqlstate, format("could not %s%s of table %s: %s", action,
	                                     std::string_view(action) == "maintain" ? " partitions" : " a partition",
	                                     qualified_name(policy.parent).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = error.hint;
	report(WARNING, warning);
}

Ending perform_in_one(const Work &work, const Task &task) {
	const ScratchMemory memory;
	Ending ending;
	ending.refusal = lock_set(work, task);
	if (!ending.refusal) {
		ending.error = attempt([&] { ending.done = perform(work, task); });
	}
	return ending;
}

/// To retire, the lock of the set is taken if that costs nobody a wait; else the partition leaves without it, if it
/// can; else the lock is waited for.
Ending retire_once(const Procedure &procedure, const Work &work, const Task &task) {
	if (is_pending(work.policy, task.partition)) {
		return finalize(work.policy, task.partition);
	}
	if (auto error = find_obstacle(work, task)) {
		return {.done = {}, .error = std::move(error), .refusal = {}};
	}
	if (task.retires() && !lock_if_free(work.policy.parent, AccessExclusiveLock) &&
	    can_depart(work.policy, task.partition)) {
		if (auto ending = depart(procedure, work.policy, task.partition)) {
			return *ending;
		}
	}
	return task.finalizes ? Ending{} : perform_in_one(work, task);
}

/// Each CALL tells of what collides: of the first ones, as it may be a thousand values.
bool is_told(const Progress &progress) {
	return progress.colliding() <= most_warnings;
}

void tell(Progress &progress, const Work &work, const Task &task, const Error &error) {
	progress.fail(work, task, error);
	const bool collides = task.creates() && error.sqlstate == ERRCODE_CHECK_VIOLATION;
	if (collides ? is_told(progress) : Progress::is_news(error)) {
		warn(work.policy, task.action, error);
	}
}

void tell(Progress &progress, const Work &work, const Task &task, const Ending &ending) {
	if (ending.refusal && !task.finalizes) {
		progress.refuse(work, task, *ending.refusal);
		warn(work.policy, task.action, ending.refusal->error);
	} else if (ending.refusal || ending.error) {
		tell(progress, work, task, ending.refusal ? ending.refusal->error : *ending.error);
	} else if (ending.done) {
		progress.done(task, *ending.done);
		report(LOG, format("%s partition %s of table %s", task.creates() ? "created" : "retired",
		                   ending.done->partition.c_str(), qualified_name(work.policy.parent).c_str()));
	}
}

/// Of the first values that collide; and of all that cannot be read.  The table may have gone since they were found.
void warn_of_values(const Work &work) {
	const ScratchMemory memory;
	const PinnedSettings settings;
	if (take_lock(work.policy.parent, AccessShareLock) || !relation_exists(work.policy.parent)) {
		return;
	}
	for (std::size_t i = 0; i < work.collisions.size() && i < static_cast<std::size_t>(most_warnings); ++i) {
		warn(work.policy, "create", collision_error(work, work.collisions[i]));
	}
	for (const Unreadable &key : work.unreadable) {
		Error error = unreadable_error(work.policy, key);
		error.hint.insert(0, command_without(work.policy, work.unreadable));
		warn(work.policy, "create", error);
	}
}

/// Says how many collide, if not each was told of.
void warn_of_collisions(const Progress &progress, const Policy &policy) {
	if (is_told(progress) || !relation_exists(policy.parent)) {
		return;
	}
	const std::string table = qualified_name(policy.parent);
	report(WARNING, Error(ERRCODE_CHECK_VIOLATION,
	                      format("could not create %ld partitions of table %s", progress.colliding(), table.c_str()))
	                    .with_detail("The default partition holds rows of theirs.")
	                    .with_hint("SELECT * FROM warden.partition_maintain(" + quoted_literal(table) +
	                               ", dry_run => true) tells which."));
}

/// What is known of declared values without having tried.
void tell_of_values(Progress &progress, const Work &work) {
	progress.count(work.collisions);
	std::ignore = attempt([&] { progress.fail(work.unreadable); });
	std::ignore = attempt([&] { warn_of_values(work); });
	std::ignore = attempt([&] { warn_of_collisions(progress, work.policy); });
}

/// Runs something that may fail.  Whatever ends it early is left in `stop`, to be thrown when we have cleaned up.
template <class F>
void guard(std::optional<Error> &stop, F &&body) {
	const auto error = attempt_or_stop(stop, std::forward<F>(body));
	if (error) {
		stop = error;
	}
}

/// Creates a partition and commits; again while its locks are not to be had, and may be a moment later.
void create_and_commit(const Procedure &procedure, Progress &progress, const Work &work, const Task &task,
                       std::optional<Error> &stop) {
	for (int tries = 0; !stop; ++tries) {
		Ending ending;
		guard(stop, [&] { ending = perform_in_one(work, task); });
		procedure.commit();
		const bool is_transient =
			ending.refusal ? !ending.refusal->will_last : ending.error && is_blocked(*ending.error);
		if (is_transient && tries < lock_retries()) {
			guard(stop, [&] { procedure.pause(lock_retry_delay_ms()); });
			continue;
		}
		guard(stop, [&] { tell(progress, work, task, ending); });
		return;
	}
}

/// The same for one that leaves.  It may commit on the way, and leaves nothing behind that would have to be cleaned up.
void retire_and_commit(const Procedure &procedure, Progress &progress, const Work &work, const Task &task) {
	for (int tries = 0;; ++tries) {
		const Ending ending = retire_once(procedure, work, task);
		procedure.commit();
		if (ending.refusal && !ending.refusal->will_last && tries < lock_retries()) {
			procedure.pause(lock_retry_delay_ms());
			continue;
		}
		tell(progress, work, task, ending);
		return;
	}
}

/// What is in the way of one is told; a cancel, after which nothing more is done, returned.
std::optional<Error> create_all(const Procedure &procedure, Progress &progress, const Work &work,
                                const std::vector<std::optional<Error>> &obstacles) {
	std::optional<Error> stop;
	for (std::size_t i = 0; i < work.tasks.size() && !stop; ++i) {
		const Task &task = work.tasks[i];
		if (!task.creates() || !progress.goes_on_with(task)) {
			continue;
		}
		if (const auto &obstacle = obstacles[i]) {
			guard(stop, [&] { tell(progress, work, task, *obstacle); });
		} else {
			create_and_commit(procedure, progress, work, task, stop);
		}
	}
	return stop;
}

void retire_all(const Procedure &procedure, Progress &progress, const Work &work) {
	for (const Task &task : work.tasks) {
		if (!task.creates() && progress.goes_on_with(task)) {
			retire_and_commit(procedure, progress, work, task);
		}
	}
}

/// Moves the tables that have come to the archive: each locks itself alone, for as long as it takes.
void move_all(const Procedure &procedure, Progress &progress, const Policy &policy) {
	for (const Oid table : tables_to_move(policy.parent)) {
		std::optional<Refusal> refusal;
		std::optional<Done> done;
		const auto error = attempt([&] {
			const PinnedSettings settings;
			refusal = take_lock(table, AccessExclusiveLock);
			done = refusal ? std::nullopt : move_table(policy, table);
		});
		if (refusal || error) {
			const Error &reason = error ? *error : refusal->error;
			std::optional<Done> planned;
			std::ignore = attempt([&] { planned = plan_move(policy, table); });
			progress.failed(reason, "move", planned);
			warn(policy, "move", reason);
		} else if (done) {
			progress.done("move", *done);
		}
		procedure.commit();
	}
}

void maintain_step_by_step(const Procedure &procedure, const Policy &policy) {
	Progress progress(policy);
	std::optional<Work> work;
	if (const auto error = attempt([&] {
			if (!is_suspended(policy)) {
				work = find_work(policy, std::nullopt);
			}
		})) {
		progress.failed(*error, "maintain");
		warn(policy, "maintain", *error);
	}
	if (work && !work->tasks.empty()) {
		const auto obstacles = prepare_default(procedure, *work);
		const auto stop = create_all(procedure, progress, *work, obstacles);
		clear_default(procedure, policy.parent);
		if (stop) {
			throw Error(*stop);
		}
		retire_all(procedure, progress, *work);
	}
	procedure.commit();
	if (work) {
		move_all(procedure, progress, policy);
		tell_of_values(progress, *work);
	}
	if (work && work->unknown) {
		progress.failed(*work->unknown, "maintain");
		warn(policy, "maintain", *work->unknown);
	}
	progress.record();
	if (progress.lacks_partitions()) {
		std::ignore = attempt([&] { warn_of_end(policy); });
	}
	procedure.commit();
}

/// A set, then those below it.
void maintain_tree_step_by_step(const Procedure &procedure, const Policy &policy) {
	maintain_step_by_step(procedure, policy);
	std::vector<Policy> below;
	if (const auto error = attempt([&] { below = policies_below(policy); })) {
		warn(policy, "maintain", *error);
	}
	procedure.commit();
	for (const Policy &child : below) {
		check_for_interrupts();
		maintain_step_by_step(procedure, child);
	}
}

} // namespace

void maintain_all(const Procedure &procedure) {
	if (!can_maintain()) {
		return;
	}
	call(PreventCommandIfReadOnly, "warden.maintain()");
	delete_orphans();
	delete_old_holds();
	delete_old_departures();
	clear_default(procedure);
	const std::vector<Policy> policies = own_policies();
	procedure.commit();
	for (const Policy &policy : policies) {
		check_for_interrupts();
		maintain_tree_step_by_step(procedure, policy);
	}
	trim_log();
}

} // namespace warden::partition
