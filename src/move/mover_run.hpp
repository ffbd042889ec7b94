// mover_run.hpp - The parts of the mover: one run of a job, and the phases of it.
//
// The invariant: each step is a transaction that also notes how far the job has come; so whatever is killed, the next
// run goes on with the step that was not committed.
#pragma once

#include "move/dating.hpp"
#include "move/mover.hpp"
#include "move/old_snapshots.hpp"

namespace warden::move {

/// What ends a run before its job has ended.
enum class Stop { No, Pause, Cancel, TimeIsOver };

/// Working on a job.  Nothing is kept of it in memory: it is read anew by each phase.
struct Run {
	const pg::Procedure &procedure;
	std::int64_t id;
	const Operations &operations;
	std::optional<TimestampTz> until;
};

/// For the moment between two steps, in no transaction of importance: does anybody want it to stop?  Commits.
Stop look_around(const Run &run);

/// Sleeps, looking around every second.
Stop rest(const Run &run, double seconds);

/// Says what is waited for, where it shows, and commits; std::nullopt: nothing any more.
void tell_waiting(const Run &run, const std::optional<std::string> &what);

/// Takes a lock of a table of the application's, in the current transaction, which is fresh; again after pauses, as
/// often as warden.lock_retries says.  Who is in the way shows in the job.  False if the table does not exist any more.
bool lock_patiently(const pg::Procedure &procedure, std::int64_t job, Oid relation, LOCKMODE mode);

/// A replay, committed.
struct Round {
	std::int64_t places = 0;
	double seconds = 0;
	Mark mark = {};
};
Round replay_once(const Run &run);

/// After a replay of all: another one, dated, and both committed; how many places were looked at.
std::int64_t replay_and_date(const Run &run);

/// The file of a side, which may be another table's after the swap.
struct SideFile {
	const Side *side;
	Oid file;
};

/// Those of sides with copies to be dated, before the swap.
std::vector<SideFile> files_of(const Dating &dating, const std::vector<Side> &sides);

/// Commits the swap, and dates its replay before anybody else gets at the target.
void commit_swap(Oid target, const Dating &dating, const std::vector<SideFile> &files);

/// The phases.  Each begins with what the one before has committed, or with what a run of its own has that was cut
/// short.
void prepare(const Run &run);
Stop copy(const Run &run);
Stop index(const Run &run);
Stop replay(const Run &run);
Stop wait(const Run &run);
Stop swap(const Run &run);
void finish(const Run &run);

/// errcode_begin_anew if the target is not what it was when the job was prepared.
void check_unaltered(const Job &job);

/// Takes away what was made before the swap, and the registration of it.
void take_back(const pg::Procedure &procedure, std::int64_t id);

const Operations &operations_of(Kind kind);

/// Seconds since a moment.
double seconds_since(TimestampTz moment);
TimestampTz now();

/// The setting warden.partition_move_wait, in seconds; 0: without end.
int longest_wait_s();

} // namespace warden::move
