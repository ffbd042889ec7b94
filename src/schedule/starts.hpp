// starts.hpp - The processes that the launcher has started, and those whose turn it is.
#pragma once

#include "schedule/databases.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace warden::schedule {

class Starts {
public:
	/// Looks at what has ended or never came, and interrupts what has run for too long.  Returns when to look again.
	Moment watch(Moment now, Databases &databases);

	/// Starts workers at the databases that are due.  Returns false if the server has no room for a process.
	bool start_visits(Moment now, Databases &databases);

	/// Starts the processes of runs, in the order in which they were due, as many as warden.max_running_jobs allows.
	bool start_runs(Moment now);

private:
	void watch_visits(Moment now, Databases &databases);
	void watch_runs(Moment now, Databases &databases);
	bool has_room(bool started);

	BackgroundWorkerHandle *visits_[max_visits] = {};
	BackgroundWorkerHandle *runs_[max_runs] = {};
	bool full_ = false; ///< the server had no room the last time, and the log says so
};

} // namespace warden::schedule
