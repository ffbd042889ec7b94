// mover_swap.cpp - The moment that the application notices, and the wait for it.
//
// Whoever has a snapshot that is older than what was copied would miss rows after the swap.  So once all is copied and
// replayed, the swap waits, without any lock, until nobody has an older snapshot than that.  What is replayed from then
// on is dated (dating.hpp), so that it need not be waited for: who has a snapshot that is younger sees after the swap
// what he has seen before.
#include "move/mover_run.hpp"

#include "move/replay.hpp"
#include "move/row_capture.hpp"
#include "move/serializable.hpp"
#include "move/side.hpp"
#include "move/swap_locks.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "access/xact.h"
#include "datatype/timestamp.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr double poll_s = 0.1;             // for old snapshots
constexpr double replay_every_s = 1;       // meanwhile
constexpr int most_rounds = 5;             // of replay before a try
constexpr std::int64_t few_places = 100;   // are left by then
constexpr std::size_t most_changes = 1000; // left for the swap, times the tries:
constexpr int most_times = 10;             // where so many change all the time, it has to come as well

/// Sleeps, without letting changes pile up.
Stop rest_replaying(const Run &run, double seconds) {
	const TimestampTz begun = now();
	for (;;) {
		const double left = seconds - seconds_since(begun);
		if (const Stop stop = rest(run, std::clamp(left, 0.0, replay_every_s)); stop != Stop::No || left <= 0) {
			return stop;
		}
		if (left > replay_every_s) {
			std::ignore = replay_and_date(run);
		}
	}
}

/// Looks for them.  Who comes after this look may still get his of somebody who is there now, and gone at the next one.
std::optional<std::string> look_for_old(Mark &mark) {
	auto who = find_old_snapshot(mark);
	if (who && may_be_given_away()) {
		mark.at = DT_NOEND;
	} else if (TIMESTAMP_IS_NOEND(mark.at)) {
		mark.at = now();
	}
	return who;
}

/// Waits for the snapshots that a mark is not in; false if that takes too long.
bool outwait(const Run &run, Mark &mark, double seconds, Stop &stop) {
	const TimestampTz begun = now();
	TimestampTz replayed = begun;
	bool is_told = false;
	for (;;) {
		const auto who = look_for_old(mark);
		if (who || is_told) {
			tell_waiting(run, who);
			is_told = true;
		}
		if (!who) {
			return true;
		}
		if (seconds_since(begun) >= seconds) {
			return false;
		}
		stop = rest(run, poll_s);
		if (stop != Stop::No) {
			return false;
		}
		if (seconds_since(replayed) >= replay_every_s) {
			std::ignore = replay_and_date(run);
			replayed = now();
		}
	}
}

/// Replays until hardly anything is left for the swap.
Stop come_close(const Run &run) {
	for (int rounds = 0; rounds < most_rounds; ++rounds) {
		const std::int64_t places = replay_and_date(run);
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
		if (places < few_places) {
			break;
		}
	}
	return Stop::No;
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

/// Nor is there somebody to whom it matters where rows are.
void check_unread(const std::vector<Source> &sources) {
	std::vector<Oid> tables;
	tables.reserve(sources.size());
	for (const Source &source : sources) {
		tables.push_back(source.relation);
	}
	if (is_read_serializably(tables)) {
		throw Error(errcode_not_yet, "SERIALIZABLE transactions that have read its rows, or overlap with such");
	}
}

/// The last changes.
void replay_rest(const Run &run, const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                 int tries, Dating &dating) {
	if (!OidIsValid(job.log)) {
		return;
	}
	// All or nothing: a part of them could break a unique index, and what is left over would be lost.
	const std::size_t most = most_changes * static_cast<std::size_t>(std::min(tries, most_times));
	if (const std::int64_t places = replay_dated(job, sources, sides, dating, most); places > 0) {
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
	const ScratchMemory memory;
	const Job job = read_job(run.id);
	const auto sources = read_sources(run.id);
	const auto sides = read_sides(run.id);
	hold(run.id); // not to be waited for later, with the table locked
	Stopwatch watch(run.id);
	if (auto refusal = run.operations.lock(job, swap_patience_ms(tries))) {
		return refusal;
	}
	watch.lap("locked");
	check_unchanged(job, sources);
	check_unread(sources);
	watch.lap("compared");
	Dating dating;
	replay_rest(run, job, sources, sides, tries, dating);
	const std::vector<SideFile> files = files_of(dating, sides);
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
	commit_swap(job.wish.target, dating, files);
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
	// Rows that stay where they are are there for everybody.
	if (const Job job = read_job(run.id); OidIsValid(job.log) && !job.wish.metadata_only) {
		auto mark = take_mark(run.id);
		run.procedure.commit();
		if (mark) {
			mark->at = now(); // who has come meanwhile may have been given an older snapshot, which nobody has seen
		} else {
			mark = replay_once(run).mark;
			set_mark(run.id, *mark);
			run.procedure.commit();
		}
		Stop stop = Stop::No;
		const int limit = longest_wait_s();
		if (!outwait(run, *mark, limit > 0 ? limit : 1e9, stop)) {
			set_mark(run.id, *mark);
			keep_mark(run.id);
			run.procedure.commit();
			if (stop != Stop::No) {
				return stop;
			}
			throw Error(ERRCODE_LOCK_NOT_AVAILABLE,
			            format("transactions that began before the copy have not ended within %d s", limit))
				.with_detail("There are " + find_old_snapshot(*mark).value_or("none any more") + ".")
				.with_hint("End them, or raise warden.partition_move_wait; CALL warden.partition_resume() goes on.");
		}
	}
	set_phase(run.id, Phase::Swap);
	run.procedure.commit();
	return Stop::No;
}

Stop swap(const Run &run) {
	Stop stop = Stop::No;
	for (int tries = 1; (stop = come_close(run)) == Stop::No; ++tries) {
		const auto obstacle = try_swap(run, tries);
		if (!obstacle) {
			return Stop::No;
		}
		tell_waiting(run, obstacle);
		stop = rest_replaying(run, swap_pause_s(tries));
		if (stop != Stop::No) {
			break;
		}
	}
	keep_mark(run.id);
	run.procedure.commit();
	return stop;
}

} // namespace warden::move
