// databases.hpp - The databases that the launcher looks after, and when each is to be visited.
#pragma once

#include "schedule/board.hpp"
#include "util/clock.hpp"

#include <vector>

namespace warden::schedule {

/// One that can be connected to.
struct Database {
	Oid oid;
	Moment visit_at = 0;    ///< now or earlier: something is due
	Moment clock_shift = 0; ///< that the next visit is to be told
	int failures = 0;       ///< visits in a row that did not do what they came for
	Moment said_at = 0;     ///< when a failure of a visit was last said in the log
	bool being_visited = false;
	bool has_ended = false; ///< runs are to be accounted for, also while the scheduler is off
	bool present = true;    ///< the last scan has found it
	bool blocked = false;   ///< somebody drops, renames or copies it just now: whoever connects would wait, or fail
};

class Databases {
public:
	/// Reads the list from the catalogue.  What has come is to be visited now; what has gone is forgotten, with its
	/// runs. Of those where something is due, or runs wait, it finds out whether one could connect.
	void scan(Moment now);

	/// Takes the notes of transactions that changed jobs.  Returns whether there was one of an unknown database.
	bool take_notes(Moment now);

	/// Has every database visited after the clock was set.
	void shift_clock(Moment now, Moment shift);
	void wake_all();

	/// Has one visited now, where a run has ended.
	void wake(Oid database, Moment now);

	/// Whether a visit is due, so that the list had better be read again before anybody connects.  While the scheduler
	/// is off, only one because of a run that ended.
	bool is_due(Moment now, bool is_on) const;

	/// Whether somebody keeps us from one of them.
	bool is_blocked() const;

	/// Whether this one is there, and nobody keeps us from it.
	bool is_open(Oid database) const;

	/// The one that has been due for longest, is open and is not being visited; null if none is.
	Database *next_due(Moment now, bool is_on);

	/// Takes down how a visit ended.
	void end_visit(const Visit &visit, Moment now);

	/// Whether a failure of a visit there is said in the log; what lasts is said every five minutes.
	static bool says_failures(const Database &database, Moment now);

	/// When the next one is due; later than everything if none is.
	Moment next_wakeup(bool is_on) const;

	Database *find(Oid database);

private:
	void look_for_locks(Moment now);

	std::vector<Database> databases_;
};

} // namespace warden::schedule
