// starts.hpp - The processes that the launcher has started, and those whose turn it is.
#pragma once

#include "schedule/databases.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace warden::schedule {

/// Now: on the clock, for what is due; and in steady time, for how long something takes.
struct Now {
	Moment clock;
	Moment steady;
};

Now look_at_clocks();

/// The methods say by the clock when to come back.
class Starts {
public:
	/// Looks at what has ended or never came, and interrupts what has run for too long.  Returns when to look again.
	Moment watch(const Now &now, Databases &databases);

	/// Starts workers at the databases that are due, and processes of runs, as many as warden.max_running_jobs allows:
	/// in the order in which they were due, but the last place is for a role of a database that has none.  Returns when
	/// to try again, if not for a process that ends.
	Moment start(const Now &now, Databases &databases);

	/// While the scheduler is off: only the workers that account for what has ended.
	Moment start_accounting(const Now &now, Databases &databases);

	/// Whether runs wait for their process.
	bool has_queued() const;

private:
	void watch_visits(const Now &now, Databases &databases, int &lost, bool &arrived);
	void watch_runs(const Now &now, Databases &databases, int &lost, bool &arrived);
	bool start_visits(const Now &now, Databases &databases, bool is_on);
	bool start_runs(const Now &now, const Databases &databases);
	bool has_room(const Now &now, bool started);
	void note_losses(const Now &now, int lost, bool arrived);

	BackgroundWorkerHandle *visits_[max_visits] = {};
	BackgroundWorkerHandle *runs_[max_runs] = {};
	Moment full_at_ = beginning; ///< when the server last had no room; the log says so once in a minute without
	int losses_ = 0;             ///< looks in a row at which a process had been asked for and never came
	Moment hold_until_ = 0;      ///< nothing is started before
};

} // namespace warden::schedule
