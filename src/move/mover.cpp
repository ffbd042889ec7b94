#include "move/mover.hpp"

#include "move/mover_run.hpp"
#include "move/row_capture.hpp"
#include "move/side.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>

namespace warden::move {

using namespace pg;

namespace {

constexpr int most_restarts = 5;

/// One phase, and what comes after it.
Stop perform(const Run &run, Phase phase) {
	switch (phase) {
	case Phase::Prepare:
		prepare(run);
		return Stop::No;
	case Phase::Copy:
		return copy(run);
	case Phase::Index:
		return index(run);
	case Phase::Replay:
		return replay(run);
	case Phase::Wait:
		return wait(run);
	case Phase::Swap:
		return swap(run);
	case Phase::Finish:
		finish(run);
		return Stop::No;
	}
	return Stop::No;
}

/// All that is left of the phases.
Stop perform_all(const Run &run) {
	const Job job = read_job(run.id);
	if (job.phase != Phase::Prepare && job.phase != Phase::Finish) {
		check_unaltered(job); // while nobody worked on it
	}
	if (job.phase == Phase::Swap) {
		set_phase(run.id, Phase::Wait); // a run that was cut short may have left copies undated
		run.procedure.commit();
	}
	for (;;) {
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
		const Phase phase = read_job(run.id).phase;
		if (const Stop stop = perform(run, phase); stop != Stop::No) {
			return stop;
		}
		if (phase == Phase::Finish) {
			return Stop::No;
		}
	}
}

/// The job as it stands is of no use: everything is taken away, for Prepare to begin with nothing.
void begin_anew(const Run &run, const Error &reason) {
	report(NOTICE, Error(reason.sqlstate, "begins anew: " + reason.message));
	take_back(run.procedure, run.id);
	note_restart(run.id);
	run.procedure.commit();
}

void end(const Run &run, const Job &job, Stop stop) {
	const char *const word = noun_of(job.wish.kind);
	switch (stop) {
	case Stop::No:
		return;
	case Stop::TimeIsOver:
		hand_on(run.id);
		run.procedure.commit();
		return;
	case Stop::Pause:
		leave(run.id, Ending::Paused);
		run.procedure.commit();
		report(NOTICE,
		       format("%s of %s is paused in its phase \"%s\"; CALL warden.partition_resume(%s) goes on with it", word,
		              qualified_name(job.wish.target).c_str(), name_of(read_job(run.id).phase),
		              quoted_literal(qualified_name(job.wish.target)).c_str()));
		return;
	case Stop::Cancel: {
		const bool is_swapped = read_job(run.id).phase == Phase::Finish;
		cancel_job(run.procedure, run.id);
		if (is_swapped) {
			return; // finished instead
		}
		throw Error(ERRCODE_QUERY_CANCELED,
		            format("%s of %s was canceled", word, qualified_name(job.wish.target).c_str()))
			.with_detail("Somebody has called partition_cancel().");
	}
	}
}

/// Notes what has ended the run, so that it shows and the job can be resumed; and throws it.
[[noreturn]] void fail(const Run &run, const Job &job, const Error &error) {
	// That a limit for waits was reached is no fault of the job.
	const Ending ending =
		error.sqlstate == ERRCODE_LOCK_NOT_AVAILABLE && job.phase == Phase::Wait ? Ending::Paused : Ending::Failed;
	std::ignore = run.procedure.attempt([&] {
		leave(run.id, ending, error);
		run.procedure.commit();
	});
	Error raised = error;
	if (raised.hint.empty() && relation_exists(job.wish.target)) {
		const std::string target = quoted_literal(qualified_name(job.wish.target));
		raised.hint =
			format("CALL warden.partition_resume(%s) goes on with it, CALL warden.partition_cancel(%s) takes it back.",
		           target.c_str(), target.c_str());
	}
	throw Error(raised);
}

/// A lock of somebody's that a step met, of which nothing was done then: worth another try.  What waits by itself, for
/// as long as it may, has a hint for whom it gives up.
bool is_in_the_way(const Error &error, Phase phase) {
	return phase != Phase::Prepare && error.hint.empty() &&
	       (error.sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || error.sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED);
}

/// What a row that has gone has out of line may go as well while it is copied: if the last who could see it ends just
/// then.  The next try does not look for it.
bool has_vanished(const Error &error, Phase phase) {
	return (phase == Phase::Wait || phase == Phase::Swap) && error.hint.empty() &&
	       error.sqlstate == ERRCODE_DATA_CORRUPTED;
}

/// How often in succession a step was in vain.
struct Patience {
	Phase phase = Phase::Prepare;
	std::int64_t rows_copied = 0;
	int tries = 0;
};

/// If it can be told: who has asked for the job to stop, and has not committed, has the lock of its row.
void tell_if_possible(const Run &run, const std::optional<std::string> &what) {
	if (const auto error = run.procedure.attempt([&] { tell_waiting(run, what); }); error && !is_blocked(*error)) {
		throw Error(*error);
	}
}

/// Waits for the next try.  Returns false if it was tried often enough.
bool try_again(const Run &run, const Job &job, const Error &error, Patience &patience) {
	if (patience.phase != job.phase || patience.rows_copied != job.rows_copied) {
		patience = {.phase = job.phase, .rows_copied = job.rows_copied};
	}
	if (patience.tries++ >= lock_retries()) {
		return false;
	}
	tell_if_possible(run, error.message);
	run.procedure.pause(lock_retry_delay_ms());
	tell_if_possible(run, std::nullopt);
	return true;
}

/// A table that was dropped needs no more.
void end_without_target(const Run &run) {
	take_back(run.procedure, run.id);
	leave(run.id, Ending::Canceled);
	run.procedure.commit();
}

Error dropped_meanwhile(const std::string &target) {
	return Error(ERRCODE_UNDEFINED_TABLE, "table " + target + " was dropped while its rows were moved")
	    .with_detail("What was made for that is taken away.");
}

} // namespace

const Operations &operations_of(Kind kind) {
	switch (kind) {
	case Kind::Drain:
		return drain_operations();
	case Kind::Convert:
		return convert_operations();
	case Kind::Revert:
		return revert_operations();
	}
	return drain_operations();
}

void run_job(const Procedure &procedure, std::int64_t id, std::optional<double> seconds) {
	procedure.commit(); // what was begun, or claimed
	const Job job = read_job(id);
	const std::string target = relation_exists(job.wish.target) ? qualified_name(job.wish.target) : "";
	const auto milliseconds = [](double value) { return static_cast<int>(std::clamp(value * 1000, 0.0, 1e9)); };
	const Run run{.procedure = procedure,
	              .id = id,
	              .operations = operations_of(job.wish.kind),
	              .until = seconds ? std::optional(TimestampTzPlusMilliseconds(now(), milliseconds(*seconds)))
	                               : std::nullopt};
	Patience patience;
	for (;;) {
		Stop stop = Stop::No;
		const auto error = procedure.attempt([&] { stop = perform_all(run); });
		if (!error) {
			end(run, job, stop);
			return;
		}
		const Job now = read_job(id);
		if (!relation_exists(job.wish.target)) {
			std::ignore = procedure.attempt([&] { end_without_target(run); });
			throw target.empty() ? Error(*error) : dropped_meanwhile(target);
		}
		if (error->sqlstate != errcode_begin_anew) {
			bool again = false;
			const auto failure = procedure.attempt([&] {
				again = (is_in_the_way(*error, now.phase) || has_vanished(*error, now.phase)) &&
				        try_again(run, now, *error, patience);
			});
			if (again && !failure) {
				continue;
			}
			fail(run, now, failure.value_or(*error));
		}
		if (now.restarts >= most_restarts) {
			fail(run, now,
			     Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			           format("%s of %s has begun anew %d times", noun_of(job.wish.kind),
			                  qualified_name(job.wish.target).c_str(), most_restarts))
			         .with_detail("The last reason was: " + error->message + "."));
		}
		if (const auto failure = procedure.attempt([&] { begin_anew(run, *error); })) {
			fail(run, now, *failure);
		}
	}
}

void cancel_job(const Procedure &procedure, std::int64_t id) {
	procedure.commit();
	const Job job = read_job(id);
	const Operations &operations = operations_of(job.wish.kind);
	if (job.phase == Phase::Finish) {
		const Run run{.procedure = procedure, .id = id, .operations = operations, .until = {}};
		if (const auto error = procedure.attempt([&] { finish(run); })) {
			fail(run, job, *error);
		}
		return;
	}
	want(id, Wanted::Cancel); // whoever goes on if we are killed completes it
	procedure.commit();
	take_back(procedure, id);
	leave(id, Ending::Canceled);
	procedure.commit();
}

} // namespace warden::move
