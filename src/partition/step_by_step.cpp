// step_by_step.cpp - CALL warden.maintain(): each step in a transaction of its own, so that locks are held for
// milliseconds, and a step that is refused its locks is tried again a moment later.
#include "partition/maintenance.hpp"

#include "partition/default_prepare.hpp"
#include "partition/hold.hpp"
#include "partition/outlook.hpp"

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

void tell(Progress &progress, const Work &work, const Task &task, const Error &error) {
	progress.fail(work, task, error);
	if (Progress::is_news(error)) {
		warn(work.policy, task.action, error);
	}
}

/// Runs something that may fail.  Whatever ends it early is left in `stop`, to be thrown when we have cleaned up.
template <class F>
void guard(std::optional<Error> &stop, F &&body) {
	const auto error = attempt_or_stop(stop, std::forward<F>(body));
	if (error) {
		stop = error;
	}
}

/// Performs a task and commits; again while its locks are not to be had, and may be a moment later.
void perform_and_commit(const Procedure &procedure, Progress &progress, const Work &work, const Task &task,
                        std::optional<Error> &stop) {
	for (int tries = 0; !stop; ++tries) {
		Ending ending;
		guard(stop, [&] { ending = perform_once(progress, work, task); });
		procedure.commit();
		const bool is_transient =
			ending.refusal ? !ending.refusal->will_last : task.creates() && ending.error && is_blocked(*ending.error);
		if (is_transient && tries < lock_retries()) {
			guard(stop, [&] { procedure.pause(lock_retry_delay_ms()); });
			continue;
		}
		guard(stop, [&] {
			if (ending.refusal) {
				progress.refuse(work, task, *ending.refusal);
				warn(work.policy, task.action, ending.refusal->error);
			} else if (ending.error) {
				tell(progress, work, task, *ending.error);
			}
		});
		return;
	}
}

/// The tasks that create, or those that retire.  What is in the way of one is told; a cancel, after which nothing more
/// is done, returned.
std::optional<Error> perform_all(const Procedure &procedure, Progress &progress, const Work &work,
                                 const std::vector<std::optional<Error>> &obstacles, bool creates) {
	std::optional<Error> stop;
	for (std::size_t i = 0; i < work.tasks.size() && !stop; ++i) {
		const Task &task = work.tasks[i];
		if (task.creates() != creates || !progress.goes_on_with(task)) {
			continue;
		}
		if (const auto &obstacle = obstacles[i]) {
			guard(stop, [&] { tell(progress, work, task, *obstacle); });
		} else {
			perform_and_commit(procedure, progress, work, task, stop);
		}
	}
	return stop;
}

void maintain_step_by_step(const Procedure &procedure, const Policy &policy) {
	Progress progress(policy);
	std::optional<Work> work;
	if (const auto error = attempt([&] { work = find_work(policy, std::nullopt); })) {
		progress.failed(*error, "maintain");
		warn(policy, "maintain", *error);
	}
	if (work && !work->tasks.empty()) {
		const auto obstacles = prepare_default(procedure, *work);
		auto stop = perform_all(procedure, progress, *work, obstacles, true);
		clear_default(procedure, policy.parent);
		if (!stop) {
			stop = perform_all(procedure, progress, *work, obstacles, false);
		}
		if (stop) {
			throw Error(*stop);
		}
	}
	procedure.commit();
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

} // namespace

void maintain_all(const Procedure &procedure) {
	if (!can_maintain()) {
		return;
	}
	call(PreventCommandIfReadOnly, "warden.maintain()");
	delete_orphans();
	delete_old_holds();
	clear_default(procedure);
	const std::vector<Policy> policies = own_policies();
	procedure.commit();
	for (const Policy &policy : policies) {
		check_for_interrupts();
		maintain_step_by_step(procedure, policy);
	}
	trim_log();
}

} // namespace warden::partition
