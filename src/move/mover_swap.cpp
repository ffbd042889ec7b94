// mover_swap.cpp - The moment that the application notices, and the wait for it.
//
// Whoever has a snapshot that is older than what was copied would miss rows after the swap.  So nobody must have one,
// and that is waited for without any lock.  What is left to replay in the swap itself is of the last milliseconds.
#include "move/change_log.hpp"
#include "move/mover_run.hpp"

#include "move/replay.hpp"
#include "move/row_capture.hpp"
#include "move/side.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr double poll_s = 0.1;               // for old snapshots
constexpr double replay_every_s = 1;         // meanwhile
constexpr double short_wait_s = 2;           // for those of the last replay, before a new one is worth more
constexpr int most_rounds = 5;               // of replay and such a wait
constexpr std::int64_t most_places = 10'000; // left for the swap
constexpr int most_patient_tries = 5;         // then who keeps a snapshot is waited for no more
constexpr double most_pause_s = 15;          // between two tries
constexpr int poll_held_ms = 4;              // for old snapshots, while writers wait
// That wait until nobody has an old snapshot.  After them the end matters more: who has read anything in REPEATABLE
// READ before the swap, and the table only after it, sees it then without the last milliseconds before his snapshot.
constexpr int most_patient_tries = 30;

/// Waits for the snapshots that a mark is not in; false if that takes too long.
bool outwait(const Run &run, const Mark &mark, double seconds, bool replays, Stop &stop) {
	const TimestampTz begun = now();
	TimestampTz replayed = begun;
	bool is_told = false;
	for (;;) {
		const auto who = find_old_snapshot(mark);
		if (!who) {
			if (is_told) {
				tell_waiting(run, std::nullopt);
			}
			return true;
		}
		if (seconds_since(begun) >= seconds) {
			return false;
		}
		if (replays || is_told) {
			is_told = true;
			tell_waiting(run, who);
		}
		stop = rest(run, poll_s);
		if (stop != Stop::No) {
			return false;
		}
		if (replays && seconds_since(replayed) >= replay_every_s) {
			std::ignore = replay_once(run);
			replayed = now();
		}
	}
}

/// Replays until hardly anything is left that somebody could have a snapshot of without the copy of it.
Stop come_close(const Run &run) {
	Stop stop = Stop::No;
	for (int rounds = 0; rounds < most_rounds; ++rounds) {
		const Round round = replay_once(run);
		if (outwait(run, round.mark, short_wait_s, false, stop) || stop != Stop::No) {
			break;
		}
	}
	return stop;
}

/// Under the locks: what the copy was made of is still what is there.
void check_unchanged(const Job &job, const std::vector<Source> &sources) {
	check_unaltered(job);
	for (const Source &source : sources) {
		const OpenRelation table(source.relation, NoLock);
		if (table->rd_rel->relfilenode != source.filenode || !is_captured(source)) {
			throw Error(errcode_begin_anew, format("%s was rewritten", qualified_name(source.relation).c_str()));
		}
	}
}

/// The last changes.  Returns what they are known by, if there were any.
std::optional<Mark> replay_rest(const Run &run, const Job &job, const std::vector<Source> &sources,
                                const std::vector<Side> &sides) {
	if (!OidIsValid(job.log)) {
		return std::nullopt;
	}
	// All or nothing: a part of them could break a unique index, and what is left over would be lost.
	if (count_changes(job.log, most_places) >= most_places) {
		throw Error(errcode_not_yet, "too many changes are left to be replayed");
	}
	const std::int64_t places = replay_changes(job, sources, sides);
	if (places == 0) {
		return std::nullopt;
	}
	note_replayed(run.id, places);
	return Mark{.xid = call(GetCurrentTransactionId), .at = now()};
}

// $1 the table that all others wait on first.  What this transaction has locked of the application's tables: those that
// refer to it among them, or their writers would wait for it with locks that are needed.
constinit Statement select_locked{R"(
SELECT c.oid, l.mode = 'AccessExclusiveLock'
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'p') AND c.oid >= 16384
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock')
ORDER BY c.oid <> $1, c.oid, 2)"};

/// Keeps writers from the tables, and not readers, beyond the end of the transaction, in which they are locked already.
/// When a transaction fails the server lets go of such locks as of all others.
class Hold {
public:
	explicit Hold(Oid target) {
		{
			const PinnedSettings settings;
			Spi spi;
			for (const auto &[table, is_whole] : spi.query_latest<Oid, bool>(select_locked, target)) {
				tables_.push_back({{table, MyDatabaseId}, is_whole});
			}
		}
		for (Held &held : tables_) {
			call(LockRelationIdForSession, &held.table, held.mode());
		}
	}

	/// Against readers as well, until the end of the transaction.  Not in turn with those who wait for us.
	std::optional<Refusal> raise() {
		const PinnedSettings settings;
		const auto error = attempt([&] {
			for (const Held &held : tables_) {
				if (held.is_whole) {
					call(LockRelationOid, held.table.relId, AccessExclusiveLock);
				}
			}
		});
		if (error && !is_blocked(*error)) {
			throw Error(*error);
		}
		return error ? std::optional(Refusal{*error, false}) : std::nullopt;
	}

	void end() {
		for (Held &held : tables_) {
			call(UnlockRelationIdForSession, &held.table, held.mode());
		}
		tables_.clear();
	}

private:
	struct Held {
		LockRelId table = {};
		bool is_whole = false; // readers are kept away in the end
		LOCKMODE mode() const { return is_whole ? ExclusiveLock : ShareRowExclusiveLock; }
	};
	std::vector<Held> tables_;
};

/// How long each part took, for who wants to know.
class Stopwatch {
public:
	explicit Stopwatch(std::int64_t job) : job_(job) {}
	void lap(const char *what) {
		const TimestampTz moment = now();
		report(DEBUG1, format("move %lld: %s in %.2f ms", static_cast<long long>(job_), what,
		                      static_cast<double>(moment - last_) / 1000));
		last_ = moment;
	}
	double milliseconds() const { return seconds_since(begun_) * 1000; }

private:
	std::int64_t job_;
	TimestampTz begun_ = now();
	TimestampTz last_ = begun_;
};

/// What a swap is of.
struct Parts {
	explicit Parts(const Run &run)
		: job(read_job(run.id)), sources(read_sources(run.id)), sides(read_sides(run.id)), watch(run.id) {}
	Job job;
	std::vector<Source> sources;
	std::vector<Side> sides;
	Stopwatch watch;
};

/// Under the locks.
void exchange(const Run &run, Parts &parts) {
	std::ranges::for_each(parts.sources, drop_capture);
	for (const Side &side : parts.sides) {
		if (side.attach) {
			release_side(job, side);
		}
	}
	parts.watch.lap("released");
	run.operations.swap(parts.job, parts.sources, parts.sides);
	parts.watch.lap("swapped");
	set_phase(run.id, Phase::Finish);
	note_swap(run.id, parts.watch.milliseconds());
	parts.watch.lap("noted");
}

/// Commits the last changes, and waits, with nobody writing any more, until nobody has a snapshot that is older; then
/// swaps.  Who is in the way, otherwise.
std::optional<Refusal> swap_held(const Run &run, Parts &parts, Mark mark, Hold &hold) {
	run.procedure.commit();
	mark.at = now();
	parts.watch.lap("held");
	const TimestampTz begun = now();
	while (const auto who = find_old_snapshot(mark)) {
		if (seconds_since(begun) * 1000 >= lock_timeout_ms()) {
			hold.end();
			parts.watch.lap("waited in vain");
			return Refusal{Error(errcode_not_yet, *who), false};
		}
		run.procedure.commit();
		run.procedure.pause(poll_held_ms);
	}
	run.procedure.commit();
	parts.watch.lap("waited");
	auto refusal = hold.raise();
	if (!refusal) {
		refusal = run.operations.lock(parts.job);
	}
	if (refusal) {
		hold.end();
		return refusal;
	}
	parts.watch.lap("locked again");
	check_unchanged(parts.job, parts.sources);
	if (replay_rest(run, parts.job, parts.sources, parts.sides)) {
		throw Error(errcode_not_yet, "changes of a table that nobody could write to");
	}
	exchange(run, parts);
	hold.end(); // the locks of the transaction are there
	return std::nullopt;
}

/// The swap, or who is in the way of its locks.  Commits if it succeeds.  Patient: not while anybody has a snapshot
/// that is older than the last changes.
std::optional<Refusal> swap_once(const Run &run, bool is_patient) {
	const ScratchMemory memory;
	Parts parts(run);
	Stopwatch &watch = parts.watch;
	if (auto refusal = run.operations.lock(parts.job)) {
		return refusal;
	}
	watch.lap("locked");
	check_unchanged(parts.job, parts.sources);
	watch.lap("compared");
	const auto mark = replay_rest(run, parts.job, parts.sources, parts.sides);
	watch.lap("replayed");
	const bool is_held = mark && is_patient && find_kept_snapshot(*mark);
	if (is_held) {
		Hold hold(parts.job.wish.target);
		if (auto refusal = swap_held(run, parts, *mark, hold)) {
			return refusal;
		}
	} else {
		exchange(run, parts);
	}
	run.procedure.commit();
	watch.lap("committed");
	return std::nullopt;
}

/// Who or what is in the way, if another try can succeed.
std::optional<std::string> find_obstacle(const Refusal &refusal) {
	const Error &error = refusal.error;
	return error.detail.empty() ? error.message : error.message + ": " + error.detail;
}

std::optional<std::string> find_obstacle(const Error &error) {
	if (error.sqlstate == errcode_not_yet) {
		return error.message;
	}
	return is_blocked(error) || error.sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ? find_obstacle(Refusal{error, false})
	                                                                            : std::nullopt;
}

/// Tries once; who was in the way of it, or std::nullopt if it is done.
std::optional<std::string> try_swap(const Run &run, bool is_patient) {
	std::optional<Refusal> refusal;
	const auto error = run.procedure.attempt([&] { refusal = swap_once(run, is_patient); });
	if (!error && !refusal) {
		return std::nullopt;
	}
	const auto obstacle = error ? find_obstacle(*error) : find_obstacle(*refusal);
	if (obstacle) {
		report(DEBUG1, format("move %lld: not yet: %s", static_cast<long long>(run.id), obstacle->c_str()));
	}
	if (!obstacle) {
		throw Error(*error);
	}
	if (!error) {
		run.procedure.commit(); // what locks it got
	}
	note_swap(run.id, std::nullopt);
	run.procedure.commit();
	return obstacle;
}

} // namespace

Stop wait(const Run &run) {
	const int limit = longest_wait_s();
	Stop stop = Stop::No;
	const Round round = replay_once(run);
	if (OidIsValid(read_job(run.id).log) && !outwait(run, round.mark, limit > 0 ? limit : 1e9, true, stop)) {
		if (stop != Stop::No) {
			return stop;
		}
		throw Error(ERRCODE_LOCK_NOT_AVAILABLE,
		            format("transactions that began before the copy have not ended within %d s", limit))
			.with_detail("There are " + find_old_snapshot(round.mark).value_or("none any more") + ".")
			.with_hint("End them, or raise warden.partition_move_wait; CALL warden.partition_resume() goes on.");
	}
	set_phase(run.id, Phase::Swap);
	run.procedure.commit();
	return Stop::No;
}

Stop swap(const Run &run) {
	double pause = 0.1;
	for (int tries = 0;; ++tries) {
		if (const Stop stop = come_close(run); stop != Stop::No) {
			return stop;
		}
		const auto obstacle = try_swap(run, tries < most_patient_tries);
		if (!obstacle) {
			return Stop::No;
		}
		tell_waiting(run, obstacle);
		if (const Stop stop = rest(run, pause); stop != Stop::No) {
			return stop;
		}
		pause = std::min(pause * 1.5, most_pause_s);
	}
}

} // namespace warden::move
