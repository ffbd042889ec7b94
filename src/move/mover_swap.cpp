// mover_swap.cpp - The moment that the application notices, and the wait for it.
//
// Whoever has a snapshot that is older than what was copied would miss rows after the swap.  So nobody must have one,
// and that is waited for without any lock.  What is left to replay in the swap itself is of the last milliseconds.
#include "move/change_log.hpp"
#include "move/mover_run.hpp"

#include "move/replay.hpp"
#include "move/row_capture.hpp"
#include "move/side.hpp"
#include "move/swap_locks.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "access/xact.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr double poll_s = 0.1;               // for old snapshots
constexpr double replay_every_s = 1;         // meanwhile
constexpr double short_wait_s = 2;           // for those of the last replay, before a new one is worth more
constexpr int most_rounds = 5;               // of replay and such a wait
constexpr std::int64_t most_places = 10'000; // left for the swap
constexpr int most_patient_tries = 5;        // then who keeps a snapshot is waited for no more

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

/// The last changes.  Who keeps a snapshot between his statements is not to come to see them later; but where there is
/// always somebody who does, the swap must come all the same: what he may miss is the changes of some milliseconds.
void replay_rest(const Run &run, const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                 bool is_patient) {
	if (!OidIsValid(job.log)) {
		return;
	}
	// All or nothing: a part of them could break a unique index, and what is left over would be lost.
	if (count_changes(job.log, most_places) >= most_places) {
		throw Error(errcode_not_yet, "too many changes are left to be replayed");
	}
	const std::int64_t places = replay_changes(job, sources, sides);
	if (places > 0) {
		const Mark mark{.xid = call(GetCurrentTransactionId), .at = now()};
		if (const auto who = is_patient ? find_kept_snapshot(mark) : std::nullopt) {
			throw Error(errcode_not_yet, *who);
		}
		note_replayed(run.id, places);
	}
}

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

/// The swap, or who is in the way of its locks.  Commits if it succeeds.
std::optional<Refusal> swap_once(const Run &run, int tries) {
	const bool is_patient = tries < most_patient_tries;
	const ScratchMemory memory;
	const Job job = read_job(run.id);
	const auto sources = read_sources(run.id);
	const auto sides = read_sides(run.id);
	Stopwatch watch(run.id);
	if (auto refusal = run.operations.lock(job, swap_patience_ms(tries))) {
		return refusal;
	}
	watch.lap("locked");
	check_unchanged(job, sources);
	watch.lap("compared");
	replay_rest(run, job, sources, sides, is_patient);
	watch.lap("replayed");
	std::ranges::for_each(sources, drop_capture);
	for (const Side &side : sides) {
		if (side.attach) {
			release_side(job, side);
		}
	}
	watch.lap("released");
	run.operations.swap(job, sources, sides);
	watch.lap("swapped");
	set_phase(run.id, Phase::Finish);
	note_swap(run.id, watch.milliseconds());
	watch.lap("noted");
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
std::optional<std::string> try_swap(const Run &run, int tries) {
	std::optional<Refusal> refusal;
	const auto error = run.procedure.attempt([&] { refusal = swap_once(run, tries); });
	if (!error && !refusal) {
		return std::nullopt;
	}
	const auto obstacle = error ? find_obstacle(*error) : find_obstacle(*refusal);
	if (error && !obstacle) {
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
	for (int tries = 1;; ++tries) {
		if (const Stop stop = come_close(run); stop != Stop::No) {
			return stop;
		}
		const auto obstacle = try_swap(run, tries);
		if (!obstacle) {
			return Stop::No;
		}
		tell_waiting(run, obstacle);
		if (const Stop stop = rest(run, swap_pause_s(tries)); stop != Stop::No) {
			return stop;
		}
	}
}

} // namespace warden::move
