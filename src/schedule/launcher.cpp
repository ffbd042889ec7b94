// launcher.cpp - The process that starts the others: a worker at a database when something is due there, and the
// process of a run when it is its turn.
//
// It is connected to no database, so it is in nobody's way, and holds nothing that it could not find out again: it may
// be ended at any time.  What goes wrong it survives, waits a little, and tries again; it says so once.
#include "schedule/processes.hpp"

#include "pg/scoped.hpp"
#include "pg/transaction.hpp"
#include "pg/worker.hpp"
#include "schedule/board.hpp"
#include "schedule/databases.hpp"
#include "schedule/settings.hpp"
#include "schedule/starts.hpp"

#include <algorithm>

extern "C" {
#include "storage/ipc.h"
#include "utils/timestamp.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

// How long the launcher sleeps at most: until then it has not noticed a clock that was changed, or a database that was
// copied from another.
constexpr Moment longest_sleep = 5 * microseconds_per_second;

// The same while somebody keeps us from a database where something is due.
constexpr Moment while_blocked = microseconds_per_second / 2;

// Server code.
void leave(int, Datum) {
	Board *const board = lock_board();
	if (board->launcher == MyLatch) {
		board->launcher = nullptr;
	}
	unlock_board();
}

// Notices that somebody has set the clock.
class ClockWatch {
public:
	// By how much the clock was set since the last call.
	Moment shift(const Now &now) {
		const Moment shifted = (now.clock - now_.clock) - (now.steady - now_.steady);
		now_ = now;
		return std::abs(shifted) > tolerated ? shifted : 0;
	}

private:
	static constexpr Moment tolerated = 2 * microseconds_per_second; // a clock that is adjusted, not set

	Now now_ = look_at_clocks();
};

class Launcher {
public:
	// One round; returns how long to sleep.
	Moment round() {
		const Now clocks = look_at_clocks();
		const Moment now = clocks.clock;
		if (const Moment shift = clock_.shift(clocks); shift != 0) {
			databases_.shift_clock(now, shift);
			scan_at_ = now;
		}
		if (databases_.take_notes(now)) {
			scan_at_ = now;
		}
		if (now >= scan_at_) {
			scan(now);
		}
		const Moment interrupt_at = starts_.watch(clocks, databases_);
		// A database may have gone since: nobody is sent to one without a look.
		const bool on = is_on();
		if (databases_.is_due(now, on) || (on && starts_.has_queued())) {
			scan(now);
		}
		const Moment start_at = on ? starts_.start(clocks, databases_) : starts_.start_accounting(clocks, databases_);
		const Moment wakeup = std::min({interrupt_at, scan_at_, start_at});
		return std::clamp<Moment>(wakeup - call(GetCurrentTimestamp), 0, longest_sleep);
	}

	void look_at_all() { databases_.wake_all(); }

private:
	void scan(Moment now) {
		databases_.scan(now);
		scan_at_ = now + (databases_.is_blocked() ? while_blocked : longest_sleep);
	}

	ClockWatch clock_;
	Databases databases_;
	Starts starts_;
	Moment scan_at_ = 0;
};

void launch() {
	call([] { BackgroundWorkerInitializeConnection(nullptr, nullptr, 0); });
	with_board([](Board &board) { board.launcher = MyLatch; });
	const MemoryScope memory(TopMemoryContext);
	Launcher launcher;
	bool failed = false;
	for (;;) {
		Moment pause = microseconds_per_second;
		const std::optional<Error> error = survive([&] { pause = launcher.round(); });
		if (error && !failed) {
			report(LOG, *error);
		}
		failed = error.has_value();
		bool reloaded = false;
		if (pause > 0) {
			reloaded = wait((pause + 999) / 1000);
		} else {
			reloaded = answer_signals();
		}
		if (reloaded) {
			launcher.look_at_all();
		}
	}
}

} // namespace

} // namespace warden::schedule

/// The launcher.
void schedule_launch(Datum) {
	using namespace warden::schedule;
	pqsignal(SIGINT, SIG_IGN);
	warden::pg::accept_signals();
	before_shmem_exit(leave, 0);
	warden::pg::entry(launch);
}
