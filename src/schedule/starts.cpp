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

// Two at a time: a visit is short, and the processes are for the runs.  One that is not short, because its database is
// just being copied for instance, does not count.
constexpr int visits_at_once = 2;
constexpr Moment visit_is_slow = 2 * microseconds_per_second;

// Between two tries to start a process when there is no room for one.  The server does not say when there is; and it is
// to be worth a line in the log again when there was room for a minute.
constexpr Moment full_delay = microseconds_per_second / 10;
constexpr Moment episode = 60 * microseconds_per_second;

// After one that was asked for has not come: doubled each time, up to a minute.
constexpr Moment start_delay = microseconds_per_second / 2;
constexpr int most_losses = 7;

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
bool is_lost(Phase phase, bool stopped, Moment since, Moment now) {
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

bool is_at_work(const Run &run) {
	return run.phase == Phase::Starting || run.phase == Phase::Running;
}

// Whether nothing of the same role in the same database is at work.
bool is_alone(const Board &board, const Run &candidate) {
	return std::ranges::none_of(board.runs,
	                            [&](const Run &run) { return is_at_work(run) && is_of_same_role(run, candidate); });
}

// How many runs of the same role wait.
std::ptrdiff_t count_queued(const Board &board, const Run &candidate) {
	return std::ranges::count_if(
		board.runs, [&](const Run &run) { return run.phase == Phase::Queued && is_of_same_role(run, candidate); });
}

// The run whose turn it is; null if there is none, or no place.  The last place is for a role of a database that has
// none, so that nobody can take them all; and of these roles for the one with the fewest runs that wait, so that nobody
// keeps it either.
Run *choose(Board &board, int most, const Databases &databases) {
	const auto at_work = std::ranges::count_if(board.runs, is_at_work);
	if (at_work >= most) {
		return nullptr;
	}
	const bool is_last = most >= 4 && at_work == most - 1;
	Run *first = nullptr;
	std::ptrdiff_t fewest = 0;
	for (Run &run : board.runs) {
		if (run.phase != Phase::Queued || !databases.is_open(run.database) || (is_last && !is_alone(board, run))) {
			continue;
		}
		const std::ptrdiff_t count = is_last ? count_queued(board, run) : 0;
		if (first == nullptr || count < fewest || (count == fewest && comes_before(run, *first))) {
			first = &run;
			fewest = count;
		}
	}
	return first;
}

bool has_place_for_visit(Moment now) {
	return with_board([now](const Board &board) {
		int busy = 0;
		bool free = false;
		for (const Visit &visit : board.visits) {
			free = free || visit.phase == Phase::Free;
			busy += visit.phase != Phase::Free && now - visit.since < visit_is_slow ? 1 : 0;
		}
		return free && busy < visits_at_once;
	});
}

Moment on_clock(Moment steady, const Now &now) {
	return steady == end ? end : now.clock + (steady - now.steady);
}

} // namespace

Now look_at_clocks() {
	return {call(GetCurrentTimestamp), steady_time()};
}

bool Starts::has_room(const Now &now, bool started) {
	if (started) {
		return true;
	}
	if (full_at_ < now.steady - episode) {
		report(LOG,
		       Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "no background worker process is free for jobs that are due")
		           .with_detail("They are started as soon as there is one.")
		           .with_hint("Consider increasing max_worker_processes, or decreasing warden.max_running_jobs."));
	}
	full_at_ = now.steady;
	return false;
}

bool Starts::has_queued() const {
	return with_board([](const Board &board) {
		return std::ranges::any_of(board.runs, [](const Run &run) { return run.phase == Phase::Queued; });
	});
}

Moment Starts::watch(const Now &now, Databases &databases) {
	int lost = 0;
	bool arrived = false;
	watch_visits(now, databases, lost, arrived);
	watch_runs(now, databases, lost, arrived);
	note_losses(now, lost, arrived);
	const Moment look_again = with_board([steady = now.steady](Board &board) {
		Moment earliest = end;
		for (Run &run : board.runs) {
			if (run.phase == Phase::Running) {
				earliest = std::min(earliest, interrupt(run, steady));
			}
		}
		return earliest;
	});
	return on_clock(look_again, now);
}

// Processes that are asked for and do not come are a matter of the whole server: it cannot fork, or not load the
// module.
void Starts::note_losses(const Now &now, int lost, bool arrived) {
	if (lost > 0) {
		losses_ = std::min(losses_ + 1, most_losses);
		hold_until_ = now.steady + (start_delay << losses_);
	} else if (arrived) {
		losses_ = 0;
	}
}

void Starts::watch_visits(const Now &now, Databases &databases, int &lost, bool &arrived) {
	for (int place = 0; place < max_visits; ++place) {
		const Visit visit = with_board([&](Board &board) {
			Visit &each = board.visits[place];
			if (is_lost(each.phase, has_stopped(visits_[place]), each.since, now.steady)) {
				lost += each.phase == Phase::Starting ? 1 : 0;
				each.phase = Phase::Ended;
			} else {
				arrived = arrived || each.phase == Phase::Running || each.phase == Phase::Ended;
			}
			const Visit found = each;
			if (each.phase == Phase::Ended) {
				each.phase = Phase::Free;
			}
			return found;
		});
		if (visit.phase == Phase::Ended) {
			databases.end_visit(visit, now.clock);
			call([&] { forget(visits_[place]); });
		} else if (visit.phase != Phase::Free) {
			// Also one that an earlier launcher has sent.
			if (Database *const database = databases.find(visit.database)) {
				database->being_visited = true;
			}
		}
	}
}

void Starts::watch_runs(const Now &now, Databases &databases, int &lost, bool &arrived) {
	Oid wake[max_runs];
	const int count = with_board([&](Board &board) {
		int number = 0;
		for (int place = 0; place < max_runs; ++place) {
			Run &run = board.runs[place];
			if (run.phase != Phase::Free && is_lost(run.phase, has_stopped(runs_[place]), run.since, now.steady)) {
				// A process that was never there leaves the run as it was.
				lost += run.phase == Phase::Starting ? 1 : 0;
				run.phase = run.phase == Phase::Starting ? Phase::Queued : Phase::Ended;
				++run.token;
			} else {
				arrived = arrived || run.phase == Phase::Running || run.phase == Phase::Ended;
			}
			if (run.phase != Phase::Starting && run.phase != Phase::Running) {
				forget(runs_[place]);
			}
			if (run.phase == Phase::Ended && !std::exchange(run.announced, true) &&
			    (!run.outcome.recorded || run.outcome.more)) {
				wake[number++] = run.database;
			}
			if (run.phase == Phase::Ended && run.outcome.recorded) {
				run.phase = Phase::Free;
			}
		}
		return number;
	});
	for (int i = 0; i < count; ++i) {
		databases.wake(wake[i], now.clock);
	}
}

Moment Starts::start(const Now &now, Databases &databases) {
	if (now.steady < hold_until_) {
		return on_clock(hold_until_, now);
	}
	if (!start_visits(now, databases, true) || !start_runs(now, databases)) {
		return now.clock + full_delay; // or when one of ours ends
	}
	// What is due and has no place is started when a process ends.
	return has_place_for_visit(now.steady) ? databases.next_wakeup(true) : now.clock + visit_is_slow;
}

Moment Starts::start_accounting(const Now &now, Databases &databases) {
	if (now.steady < hold_until_) {
		return on_clock(hold_until_, now);
	}
	return start_visits(now, databases, false) ? databases.next_wakeup(false) : now.clock + full_delay;
}

bool Starts::start_visits(const Now &now, Databases &databases, bool is_on) {
	for (;;) {
		Database *const database = has_place_for_visit(now.steady) ? databases.next_due(now.clock, is_on) : nullptr;
		if (database == nullptr) {
			return true;
		}
		Visit order{};
		order.phase = Phase::Starting;
		order.database = database->oid;
		order.since = now.steady;
		order.clock_shift = database->clock_shift;
		order.only_accounts = !is_on;
		order.quiet = !Databases::says_failures(*database, now.clock);
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
		if (!has_room(now, started)) {
			with_board([&](Board &board) { board.visits[place].phase = Phase::Free; });
			return false;
		}
		database->being_visited = true;
		database->visit_at = end;
		database->has_ended = false;
		database->clock_shift = 0;
	}
}

bool Starts::start_runs(const Now &now, const Databases &databases) {
	const int most = max_running_jobs();
	for (;;) {
		struct Choice {
			int place;
			uint32 token;
		};
		const Choice choice = with_board([&](Board &board) {
			Run *const run = choose(board, most, databases);
			if (run == nullptr) {
				return Choice{-1, 0};
			}
			run->phase = Phase::Starting;
			run->token = ++board.next_token;
			run->since = now.steady;
			return Choice{static_cast<int>(run - board.runs), run->token};
		});
		if (choice.place < 0) {
			return true;
		}
		const bool started = call([&] {
			BackgroundWorker worker = describe_run(choice.place, choice.token);
			return RegisterDynamicBackgroundWorker(&worker, &runs_[choice.place]);
		});
		if (!has_room(now, started)) {
			with_board([&](Board &board) { board.runs[choice.place].phase = Phase::Queued; });
			return false;
		}
	}
}

} // namespace warden::schedule
