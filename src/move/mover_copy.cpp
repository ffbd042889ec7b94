// mover_copy.cpp - Rows copied, indexes built, changes done again: all that the application does not notice.
#include "move/mover_run.hpp"

#include "move/change_log.hpp"
#include "move/move_load.hpp"
#include "move/replay.hpp"
#include "move/side_index.hpp"
#include "move/throttle.hpp"
#include "move/transfer.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "access/xact.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr std::int64_t first_blocks = 16;      // of a run: what a batch takes is not known yet
constexpr std::int64_t few_changes = 10'000;   // that a replay with indexes does in a moment
constexpr std::int64_t most_counted = 200'000; // of changes
constexpr std::size_t rough_changes = 50'000;  // in a transaction, while there are no indexes
constexpr std::int64_t small_round = 100;      // of changes: the swap may follow
constexpr double short_round = 0.02;           // seconds: the same
constexpr int most_rounds = 30;                // if they do not get smaller
constexpr double overload_nap = 0.5;           // seconds

/// While the application or a replica is to be spared.
Stop spare(const Run &run, const Limits &limits) {
	bool has_waited = false;
	for (;;) {
		const auto overload = find_overload(limits);
		if (overload || has_waited) {
			tell_waiting(run, overload);
		}
		if (!overload) {
			return Stop::No;
		}
		has_waited = true;
		if (const Stop stop = rest(run, overload_nap); stop != Stop::No) {
			return stop;
		}
	}
}

Stop copy_source(const Run &run, const Job &job, Source source, const std::vector<Side> &sides) {
	const Limits &limits = job.wish.limits;
	const Rates rates{.rows_per_second = limits.rows_per_second, .bytes_per_second = limits.bytes_per_second};
	std::int64_t blocks = first_blocks;
	while (source.next_block < source.blocks) {
		const TimestampTz begun = now();
		Copied copied{};
		{
			const ScratchMemory memory;
			copied = copy_blocks(job, source, sides, blocks);
			source.next_block = copied.next_block;
			note_copied(run.id, source, copied.rows, copied.bytes);
		}
		run.procedure.commit();
		const Batch batch{.rows = copied.rows, .bytes = copied.bytes, .seconds = seconds_since(begun)};
		blocks = next_batch(blocks, batch, rates);
		Stop stop = rest(run, pause_after(batch, rates));
		stop = stop == Stop::No ? spare(run, limits) : stop;
		if (stop != Stop::No) {
			return stop;
		}
	}
	return Stop::No;
}

/// Without indexes changes are done again fast, and in parts.  Ends when few are left, or when they do not get fewer.
Stop replay_roughly(const Run &run, const Job &job) {
	constexpr int most_failures = 3;
	std::int64_t last = most_counted + 1;
	for (int failures = 0; failures < most_failures;) {
		const std::int64_t left = count_changes(job.log, most_counted);
		if (left < few_changes) {
			return Stop::No;
		}
		failures = left < last || left >= most_counted ? 0 : failures + 1;
		last = left;
		{
			const ScratchMemory memory;
			note_replayed(run.id, replay_changes(job, read_sources(run.id), read_sides(run.id), rough_changes));
		}
		run.procedure.commit();
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
	}
	return Stop::No;
}

/// For the plans of those who ask after the swap.  Storage for another table keeps what is known of that.
void analyze(const Side &side) {
	const ScratchMemory memory;
	const std::string name = qualified_name(side.relation);
	const AsOwner owner(owner_of(side.relation));
	Spi().execute(("ANALYZE " + name).c_str());
}

} // namespace

Stop copy(const Run &run) {
	const Job job = read_job(run.id);
	const auto sides = read_sides(run.id);
	for (const Source &source : read_sources(run.id)) {
		if (const Stop stop = copy_source(run, job, source, sides); stop != Stop::No) {
			return stop;
		}
	}
	set_phase(run.id, Phase::Index);
	run.procedure.commit();
	return Stop::No;
}

Stop index(const Run &run) {
	const Job job = read_job(run.id);
	const auto is_built = [](const SideIndex &index) { return OidIsValid(index.index); };
	if (OidIsValid(job.log)) {
		if (std::ranges::none_of(read_indexes(run.id), is_built)) {
			if (const Stop stop = replay_roughly(run, job); stop != Stop::No) {
				return stop;
			}
		}
		// A row that was updated while it was copied may have been copied twice, until all is replayed: only then can
		// an index be unique.  Also when an index failed because rows collided, which somebody has mended since.
		std::ignore = replay_once(run);
	}
	for (bool is_more = true; is_more;) {
		{
			const ScratchMemory memory;
			check_unaltered(job); // statements were written for what it was
			is_more = build_next_index(job);
		}
		run.procedure.commit();
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
	}
	for (const Side &side : read_sides(run.id)) {
		if (side.attach) {
			analyze(side);
			run.procedure.commit();
		}
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
	}
	set_phase(run.id, Phase::Replay);
	run.procedure.commit();
	return Stop::No;
}

Round replay_once(const Run &run) {
	Round round;
	const TimestampTz begun = now();
	{
		const ScratchMemory memory;
		const Job job = read_job(run.id);
		if (OidIsValid(job.log)) {
			round.places = replay_changes(job, read_sources(run.id), read_sides(run.id));
		}
		if (round.places > 0) {
			note_replayed(run.id, round.places);
		}
		round.mark.xid = call(GetCurrentTransactionId);
	}
	run.procedure.commit();
	round.mark.at = now();
	round.seconds = seconds_since(begun);
	return round;
}

Stop replay(const Run &run) {
	for (int rounds = 0; rounds < most_rounds; ++rounds) {
		const Round round = replay_once(run);
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
		if (round.places < small_round || round.seconds < short_round) {
			break;
		}
	}
	set_phase(run.id, Phase::Wait);
	run.procedure.commit();
	return Stop::No;
}

} // namespace warden::move
