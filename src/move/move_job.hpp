// move_job.hpp - What is known of a job: the rows of move.sql.
//
// The invariant: our tables are read and written as the extension's owner, by these functions only, in the transaction
// that does what they say; so after a crash they are right.
#pragma once

#include "partition/value.hpp"
#include "pg/lock.hpp"
#include "pg/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

extern "C" {
#include "datatype/timestamp.h"
}

namespace warden::move {

/// SQLSTATE of our own, which never leaves the mover: what was copied is of no use any more, for the table was
/// rewritten or altered, and the job begins anew.
inline constexpr int errcode_begin_anew = MAKE_SQLSTATE('5', '5', 'W', '1', '1');
/// The same: too many changes are left for a short swap, so go on replaying.
inline constexpr int errcode_not_yet = MAKE_SQLSTATE('5', '5', 'W', '1', '2');

enum class Kind { Drain, Convert, Revert };
enum class Phase { Prepare, Copy, Index, Replay, Wait, Swap, Finish };

const char *name_of(Kind kind);
const char *noun_of(Kind kind); ///< for a message: the conversion of a table
const char *name_of(Phase phase);

/// How much the application is to be spared.
struct Limits {
	std::optional<std::int64_t> rows_per_second = {};
	std::optional<std::int64_t> bytes_per_second = {};
	std::optional<std::int64_t> lag_bytes = {}; ///< of the replica that is furthest behind
	std::optional<std::int32_t> sessions = {};  ///< active ones beside ours
};

/// What was asked for.
struct Wish {
	Oid target;
	Kind kind;
	Limits limits = {};
	std::optional<std::string> key = {}; ///< of a conversion, as are:
	std::optional<std::string> every = {};
	std::optional<std::string> first_bound = {}; ///< without copying: the upper bound of the first partition
	bool metadata_only = false;
	bool widen_key = false;
	std::optional<std::string> declaration = {};     ///< statement that declares the set
	std::optional<std::int32_t> max_partitions = {}; ///< that a drain creates
	std::int64_t rows_total = 0;                     ///< about
	std::int64_t bytes_total = 0;
};

struct Job {
	std::int64_t id;
	Wish wish;
	Phase phase;
	Oid log; ///< InvalidOid before they are made
	Oid map;
	std::string fingerprint;
	std::int64_t rows_copied;
	std::int64_t bytes_copied;
	std::int32_t restarts;
};

struct Source {
	std::int16_t number;
	Oid relation;
	Oid filenode; ///< InvalidOid before the trigger is made
	std::int64_t blocks;
	std::int64_t next_block; ///< the next to copy; done if it is not below `blocks`
	Oid trigger;
};

/// Where rows go.  A partition to be has `attach`; storage for another table has `stands_for`.
struct Side {
	std::int16_t number;
	Oid relation;
	std::optional<std::string> lower =
		{}; ///< of a range, as the key's type reads it with pin_notation(); none: no bound
	std::optional<std::string> upper = {};
	std::vector<partition::Value> values = {}; ///< of a list
	bool takes_rest = false;                   ///< what no other side takes
	std::optional<std::string> attach = {};    ///< the statements
	Oid stands_for = InvalidOid;

	bool is_list() const { return !values.empty(); }
};

/// An index that a side is to have.
struct SideIndex {
	std::int16_t number; ///< within the job
	std::int16_t side;
	Oid target_index;       ///< which one of the target's it is; InvalidOid: none
	std::string definition; ///< the statement
	Oid index;              ///< InvalidOid before it is built
};

/// Begins a job, and claims it.  Error 55006 if the target has one that has not ended.
Job begin_job(const Wish &wish);

/// The job of a table that has not ended; std::nullopt if there is none.
std::optional<Job> find_job(Oid target);

/// What begin_job() says of a job that is in the way.
[[nodiscard]] Error moved_already(Oid target);
Job read_job(std::int64_t id);
std::vector<Source> read_sources(std::int64_t job);
std::vector<Side> read_sides(std::int64_t job);
std::vector<SideIndex> read_indexes(std::int64_t job);

/// Number and what is not known yet are given by them: returns what was written.
Source add_source(std::int64_t job, Oid relation);
Side add_side(std::int64_t job, Side side);
SideIndex add_index(std::int64_t job, SideIndex index);

void set_phase(std::int64_t job, Phase phase);
void set_tables(std::int64_t job, Oid log, Oid map);
void set_fingerprint(std::int64_t job, const std::string &fingerprint);
void set_captured(std::int64_t job, const Source &source); ///< filenode, blocks, next_block and trigger
void set_built(std::int64_t job, const SideIndex &index);
void note_copied(std::int64_t job, const Source &source, std::int64_t rows, std::int64_t bytes);
void note_replayed(std::int64_t job, std::int64_t changes);
void note_waiting(std::int64_t job, const std::optional<std::string> &what);
void note_swap(std::int64_t job, std::optional<double> pause_ms); ///< one more try; how long, if it succeeded

/// What was done in a transaction: its id, and a moment after its commit.  Transactions that begin later see it.
struct Mark {
	TransactionId xid = InvalidTransactionId;
	TimestampTz at = 0;
};

/// The replay that snapshots must not be older than at the swap, since when all is dated (dating.hpp).  Only the
/// process that replays knows whether it is, so it is taken out, and put back by one that ends in order.
std::optional<Mark> take_mark(std::int64_t job);
void set_mark(std::int64_t job, const Mark &mark);
void keep_mark(std::int64_t job);

/// Forgets sources, sides and indexes, for a job that begins anew or has ended.
void forget_parts(std::int64_t job);
void note_restart(std::int64_t job);

/// Those that are said replace those of the job.
void set_limits(std::int64_t job, const Limits &limits);

/// When it was begun and by whom, as a sentence.
std::string beginning_of(std::int64_t job);

/// This process works on it from now on.  Error 55006 if another one does, that still runs.
void claim(std::int64_t job);
bool is_worked_on(std::int64_t job); ///< by a process that runs, ours included

/// Whether the process with that id that was started then still runs.
bool is_process(int pid, std::int64_t started);

/// What somebody wants of the process that works on it.
enum class Wanted { Nothing, Pause, Cancel };
Wanted wanted(std::int64_t job);
void want(std::int64_t job, Wanted what);

/// Takes the lock of its row, which somebody has who has just asked for it to stop, and not committed.
void hold(std::int64_t job);

/// How the process leaves it: paused or failed is not the end.
enum class Ending { Paused, Failed, Done, Canceled };
void leave(std::int64_t job, Ending ending, const std::optional<Error> &error = std::nullopt);

/// Deletes jobs that ended longer ago than warden.partition_history, and such of tables that were dropped.
void delete_old_jobs();

/// Jobs that say they are running although no process works on them.
std::vector<std::int64_t> interrupted_jobs();

/// Jobs that have not ended of tables that are not there any more, and that no process works on.
std::vector<std::int64_t> orphaned_jobs();

/// This process does not work on it any more, and it goes on: an interrupted job, for the next one to resume.
void hand_on(std::int64_t job);

} // namespace warden::move
