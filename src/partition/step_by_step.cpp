// step_by_step.cpp - CALL warden.maintain(): each step in a transaction of its own, so that locks are held for
// milliseconds, and a step that is refused its locks is tried again a moment later.
#include "partition/maintenance.hpp"

#include "partition/departure.hpp"
#include "partition/hold.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace warden::partition {

using namespace pg;

namespace {

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
Ending perform_once(const Procedure &procedure, const Work &work, const Task &task) {
	if (!task.creates() && is_pending(work.policy, task.partition)) {
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

void tell(Progress &progress, const Work &work, const Task &task, const Ending &ending) {
	if (ending.refusal && !task.finalizes) {
		progress.refuse(work, task, *ending.refusal);
		warn(work.policy, task.action, ending.refusal->error);
	} else if (ending.refusal || ending.error) {
		const Error &error = ending.refusal ? ending.refusal->error : *ending.error;
		progress.fail(work, task, error);
		warn(work.policy, task.action, error);
	} else if (ending.done) {
		progress.done(task, *ending.done);
		report(LOG, format("%s partition %s of table %s", task.creates() ? "created" : "retired",
		                   ending.done->partition.c_str(), qualified_name(work.policy.parent).c_str()));
	}
}

/// Performs a task and commits; again while its locks are not to be had, and may be a moment later.
void perform_and_commit(const Procedure &procedure, Progress &progress, const Work &work, const Task &task) {
	for (int tries = 0;; ++tries) {
		const Ending ending = perform_once(procedure, work, task);
		procedure.commit();
		const bool is_transient =
			ending.refusal ? !ending.refusal->will_last : task.creates() && ending.error && is_blocked(*ending.error);
		if (is_transient && tries < lock_retries()) {
			procedure.pause(lock_retry_delay_ms());
			continue;
		}
		tell(progress, work, task, ending);
		return;
	}
}

void maintain_step_by_step(const Procedure &procedure, const Policy &policy) {
	Progress progress(policy);
	std::optional<Work> work;
	if (const auto error = attempt([&] { work = find_work(policy, std::nullopt); })) {
		progress.failed(*error, "maintain");
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

void maintain_all(const Procedure &procedure) {
	if (!can_maintain()) {
		return;
	}
	call(PreventCommandIfReadOnly, "warden.maintain()");
	delete_orphans();
	delete_old_holds();
	delete_old_departures();
	const std::vector<Policy> policies = own_policies();
	procedure.commit();
	for (const Policy &policy : policies) {
		check_for_interrupts();
		maintain_step_by_step(procedure, policy);
	}
	trim_log();
}

} // namespace warden::partition
