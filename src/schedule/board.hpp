// board.hpp - What the processes of the scheduler tell each other: the board, in shared memory.
//
// It holds no truth.  What is due and what was done is in tables; the board says who is at it now, and is empty after a
// crash.  Each process changes it in the steps below, each of them whole under one lock, none of which can raise an
// error while it is held.
#pragma once

#include "pg/call.hpp"
#include "util/clock.hpp"

#include <vector>

extern "C" {
#include "datatype/timestamp.h"
#include "storage/latch.h"
}

namespace warden::schedule {

/// Time that passes also while the machine sleeps, and that nobody can set, in microseconds: of all times on the board
/// but those that are said to be on the clock.
Moment steady_time();

/// What may stand on the board at once.  More runs that wait are left in the table until there is room.
inline constexpr int max_runs = 512;
inline constexpr int max_visits = 4;
inline constexpr int max_notes = 64;
inline constexpr int max_message = 500;

enum class Phase : int {
	Free,     ///< nothing is here
	Queued,   ///< to be started by the launcher
	Starting, ///< the launcher has asked for a process
	Running,  ///< the process is there
	Ended,    ///< it has gone, or never came
};

/// Why the launcher or a user had a run interrupted.
enum class Interruption : int { None, Timeout, Canceled };

/// How a run ended, for what the job's own process could not write into the table.
struct Outcome {
	bool recorded;             ///< it could: nothing is left to do
	bool succeeded;            ///< the command came to its end
	bool more;                 ///< recorded: the job has slots that wait
	bool again;                ///< it was not begun, or was undone, because it could not be written down
	int sqlstate;              ///< else: of the error; 0 if the process has gone without a word
	uint64 rows;               ///< processed
	Interruption interruption; ///< what was asked of it
	char message[max_message]; ///< of the error or the first warning
};

/// One run.  Who writes a field, in this order of phases: the worker of its database puts it on the board as Queued;
/// the launcher takes it to Starting; its own process to Running and Ended; the worker of the database frees it.
struct Run {
	Phase phase;
	uint32 token;        ///< changes with each phase Starting: a process that comes too late finds another one
	Oid database, owner; ///< where, and as whom
	Oid extension;       ///< whose tables it is in: after DROP and CREATE EXTENSION the ids are those of others
	int64 job, run;      ///< ids
	TimestampTz due;     ///< on the clock: among those that came to the board together, the order in which they start
	Moment queued_at;    ///< when it came to the board, which goes before
	Moment since;        ///< of the phase
	Moment deadline;     ///< Running: when it is to be interrupted; `end` if never.  Its own process sets it.
	Moment interrupted;  ///< when it was last sent a signal by the launcher, or 0
	int signals;         ///< how many it was sent
	int pid;             ///< Running: of its process, else 0
	bool announced;      ///< Ended: the launcher has had the database visited because of it
	Outcome outcome;
};

/// The order in which runs start.
inline bool comes_before(const Run &a, const Run &b) {
	return a.queued_at != b.queued_at ? a.queued_at < b.queued_at : a.due < b.due;
}

inline bool is_of_same_role(const Run &a, const Run &b) {
	return a.database == b.database && a.owner == b.owner;
}

/// One worker at a database.  The launcher writes it as Starting and frees it; the worker itself does the rest.
struct Visit {
	Phase phase;
	uint32 token;
	Oid database;
	Moment since;
	int64 clock_shift;       ///< microseconds by which the clock was set forward since the visit before
	bool only_accounts;      ///< for runs that ended, as the scheduler is off
	bool quiet;              ///< failures are not to be said in the log: one was, not long ago
	bool failed;             ///< there was a failure, of some of the work or all
	bool done;               ///< Ended: it did what it came for
	bool installed;          ///< the extension is there
	bool backlog;            ///< more runs wait than there was room for on the board
	TimestampTz next_wakeup; ///< when the next one is due; DT_NOEND if nothing is scheduled
};

struct Board {
	Latch *launcher; ///< to be set when something changes; null if there is no launcher
	uint32 next_token;
	int notes;            ///< how many databases are in `noted`; above max_notes: more than fitted, so look at all
	Oid noted[max_notes]; ///< databases in which jobs changed
	Visit visits[max_visits];
	Run runs[max_runs];
};

/// Whether there is a board: the module was loaded by shared_preload_libraries.
bool has_board();

/// Asks for the shared memory.  Server code, for _PG_init().
void init_board();

/// Runs server code with the board locked.  It only reads and writes plain values.
template <class F>
auto with_board(F &&change);

/// The runs as they stand.
std::vector<Run> copy_runs();

/// Tells the launcher to look at this database once the transaction has committed.
void note_at_commit();

/// Tells the launcher that something on the board has changed.
void wake_launcher();

/// Has the launcher look at a database.  Server code, with the board locked.
void note(Board &board, Oid database);

// Details.
Board *lock_board();
void unlock_board();

template <class F>
auto with_board(F &&change) {
	return pg::call([&] {
		Board *const board = lock_board();
		using Result = decltype(change(*board));
		if constexpr (std::is_void_v<Result>) {
			change(*board);
			unlock_board();
		} else {
			const Result result = change(*board);
			unlock_board();
			return result;
		}
	});
}

} // namespace warden::schedule
