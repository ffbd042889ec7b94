#include "schedule/starts.hpp"

#include "pg/worker.hpp"
#include "schedule/settings.hpp"

#include <algorithm>
#include <csignal>

extern "C" {
#include "storage/procarray.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

// From a cancel to the termination of a run that does not heed it.
constexpr Moment patience = 3 * microseconds_per_second;

// After which a process that an earlier launcher has asked for will not come any more.
constexpr Moment longest_start = 60 * microseconds_per_second;

// Two at a time: a visit is short, and the processes are for the runs.
constexpr int visits_at_once = 2;

static_assert(visits_at_once <= max_visits);

// The rest is server code.

BackgroundWorker describe_visit(int place, uint32 token) {
	BackgroundWorker worker = describe_worker("pg_warden worker");
	strlcpy(worker.bgw_function_name, "schedule_visit", BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(place);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &token, sizeof token);
	return worker;
}

BackgroundWorker describe_run(int place, uint32 token) {
	BackgroundWorker worker = describe_worker("pg_warden job");
	strlcpy(worker.bgw_function_name, "schedule_execute", BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(place);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &token, sizeof token);
	return worker;
}

bool has_stopped(BackgroundWorkerHandle *handle) {
	pid_t pid = 0;
	return handle != nullptr && GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;
}

void forget(BackgroundWorkerHandle *&handle) {
	if (handle != nullptr) {
		pfree(handle);
		handle = nullptr;
	}
}

// Whether a process that was asked for is known not to come, or to have gone without taking leave.
bool is_lost(Phase phase, bool stopped, TimestampTz since, Moment now) {
	return (phase == Phase::Starting && (stopped || now - since > longest_start)) ||
	       (phase == Phase::Running && stopped);
}

// A run past its deadline, or cancelled by a user, is sent SIGINT, and SIGTERM if that does not help.  Returns when to
// look again.
Moment interrupt(Run &run, Moment now) {
	if (run.outcome.interruption == Interruption::None) {
		if (now < run.deadline) {
			return run.deadline;
		}
		run.outcome.interruption = Interruption::Timeout;
	}
	if (now - run.interrupted >= patience || run.signals == 0) {
		kill(run.pid, run.signals == 0 ? SIGINT : SIGTERM);
		run.interrupted = now;
		++run.signals;
	}
	return run.interrupted + patience;
}

} // namespace

bool Starts::has_room(bool started) {
	if (!started && !full_) {
		report(LOG,
		       Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "no background worker process is free for jobs that are due")
		           .with_detail("They are started as soon as there is one.")
		           .with_hint("Consider increasing max_worker_processes, or decreasing warden.max_running_jobs."));
	}
	full_ = !started;
	return started;
}

Moment Starts::watch(Moment now, Databases &databases) {
	watch_visits(now, databases);
	watch_runs(now, databases);
	return with_board([now](Board &board) {
		Moment look_again = end;
		for (Run &run : board.runs) {
			if (run.phase == Phase::Running) {
				look_again = std::min(look_again, interrupt(run, now));
			}
		}
		return look_again;
	});
}

void Starts::watch_visits(Moment now, Databases &databases) {
	for (int place = 0; place < max_visits; ++place) {
		const Visit visit = with_board([&](Board &board) {
			Visit &each = board.visits[place];
			if (is_lost(each.phase, has_stopped(visits_[place]), each.since, now)) {
				each.phase = Phase::Ended;
			}
			const Visit found = each;
			if (each.phase == Phase::Ended) {
				each.phase = Phase::Free;
			}
			return found;
		});
		if (visit.phase == Phase::Ended) {
			databases.end_visit(visit, now);
			call([&] { forget(visits_[place]); });
		} else if (visit.phase != Phase::Free) {
			// Also one that an earlier launcher has sent.
			if (Database *const database = databases.find(visit.database)) {
				database->being_visited = true;
			}
		}
	}
}

void Starts::watch_runs(Moment now, Databases &databases) {
	for (int place = 0; place < max_runs; ++place) {
		const Run run = with_board([&](Board &board) {
			Run &each = board.runs[place];
			if (is_lost(each.phase, has_stopped(runs_[place]), each.since, now)) {
				// A process that was never there leaves the run as it was.
				each.phase = each.phase == Phase::Starting ? Phase::Queued : Phase::Ended;
				++each.token;
			}
			const Run found = each;
			each.announced = each.phase == Phase::Ended;
			if (each.phase == Phase::Ended && each.outcome.recorded) {
				each.phase = Phase::Free;
			}
			return found;
		});
		if (run.phase != Phase::Starting && run.phase != Phase::Running) {
			call([&] { forget(runs_[place]); });
		}
		if (run.phase == Phase::Ended && !run.announced && (!run.outcome.recorded || run.outcome.more)) {
			databases.wake(run.database, now);
		}
	}
}

bool Starts::start_visits(Moment now, Databases &databases) {
	for (;;) {
		const int busy = with_board([](const Board &board) {
			return static_cast<int>(std::count_if(std::begin(board.visits), std::end(board.visits),
			                                      [](const Visit &visit) { return visit.phase != Phase::Free; }));
		});
		Database *const database = busy < visits_at_once ? databases.next_due(now) : nullptr;
		if (database == nullptr) {
			return true;
		}
		Visit order{};
		order.phase = Phase::Starting;
		order.database = database->oid;
		order.since = now;
		order.clock_shift = database->clock_shift;
		order.quiet = database->failures > 0;
		int place = 0;
		const uint32 token = with_board([&](Board &board) {
			while (board.visits[place].phase != Phase::Free) {
				++place;
			}
			order.token = ++board.next_token;
			board.visits[place] = order;
			return order.token;
		});
		const bool started = call([&] {
			BackgroundWorker worker = describe_visit(place, token);
			return RegisterDynamicBackgroundWorker(&worker, &visits_[place]);
		});
		if (!has_room(started)) {
			with_board([&](Board &board) { board.visits[place].phase = Phase::Free; });
			return false;
		}
		database->being_visited = true;
		database->visit_at = end;
		database->clock_shift = 0;
	}
}

bool Starts::start_runs(Moment now) {
	for (;;) {
		struct Choice {
			int place;
			uint32 token;
		};
		const int most = max_running_jobs();
		const Choice choice = with_board([&](Board &board) {
			int running = 0;
			Run *first = nullptr;
			for (Run &run : board.runs) {
				running += run.phase == Phase::Starting || run.phase == Phase::Running ? 1 : 0;
				if (run.phase == Phase::Queued && (first == nullptr || run.due < first->due)) {
					first = &run;
				}
			}
			if (running >= most || first == nullptr) {
				return Choice{-1, 0};
			}
			first->phase = Phase::Starting;
			first->token = ++board.next_token;
			first->since = now;
			return Choice{static_cast<int>(first - board.runs), first->token};
		});
		if (choice.place < 0) {
			return true;
		}
		const bool started = call([&] {
			BackgroundWorker worker = describe_run(choice.place, choice.token);
			return RegisterDynamicBackgroundWorker(&worker, &runs_[choice.place]);
		});
		if (!has_room(started)) {
			with_board([&](Board &board) { board.runs[choice.place].phase = Phase::Queued; });
			return false;
		}
	}
}

} // namespace warden::schedule
