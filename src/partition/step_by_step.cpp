// step_by_step.cpp - CALL warden.maintain(): each step in a transaction of its own, so that locks are held for
// milliseconds, and a step that is refused its locks is tried again a moment later.
#include "partition/maintenance.hpp"

#include "partition/hold.hpp"
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
	Ending ending{.error = find_obstacle(work, task), .refusal = {}};
	if (!ending.error) {
		ending.refusal = lock_set(work, task);
	}
	if (!ending.error && !ending.refusal) {
		std::optional<Done> done;
		ending.error = attempt([&] { done = perform(work, task); });
		if (!ending.error && done) {
			progress.done(task, *done);
			report(LOG, format("%s partition %s of table %s", task.creates() ? "created" : "retired",
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
			ending.refusal ? !ending.refusal->will_last : task.creates() && ending.error && is_blocked(*ending.error);
		if (is_transient && tries < lock_retries()) {
			procedure.pause(lock_retry_delay_ms());
			continue;
		}
		if (ending.refusal) {
			progress.refuse(work, task, *ending.refusal);
			warn(work.policy, task.action, ending.refusal->error);
		} else if (ending.error) {
			progress.fail(work, task, *ending.error);
			warn(work.policy, task.action, *ending.error);
		}
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
	const std::vector<Policy> policies = own_policies();
	procedure.commit();
	for (const Policy &policy : policies) {
		check_for_interrupts();
		maintain_tree_step_by_step(procedure, policy);
	}
	trim_log();
}

} // namespace warden::partition
