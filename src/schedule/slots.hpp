// slots.hpp - What becomes of the slots that are due: which run, which were missed, when one is tried again.
//
// Plain C++.  The invariant: every slot up to now is in exactly one part of a Claim, and the next one is after now.
#pragma once

#include "schedule/timetable.hpp"

namespace warden::schedule {

enum class Missed { Skip, Once, All };
enum class Overlap { Skip, Queue };

/// What a job has in hand when its slots are looked at.
struct InHand {
	bool running; ///< a run is under way
	int waiting;  ///< slots that were claimed and have not started
};

/// Slots that get one row together, because none of them runs.
struct Passed {
	Moment first;
	Moment last;
	std::int64_t count;
};

/// What is done with the slots that are due.
struct Claim {
	std::vector<Moment> run;       ///< oldest first
	std::optional<Passed> missed;  ///< late, and not to be made up for
	std::optional<Passed> skipped; ///< due while an earlier one is in hand
	std::optional<Moment> next;    ///< the first slot after now
};

/// How many slots of an outage are made up for with Missed::All.
inline constexpr std::size_t max_backlog = 100;

/// Disposes of the slots from `due`, the first one that was not claimed yet, up to now.  Nothing is due if it is later.
Claim claim(const Timetable &timetable, Missed missed, Overlap overlap, const InHand &in_hand, Moment due, Moment now);

/// When a job is due next, after the clock was changed or its schedule: `due` itself if it is the first slot after now
/// or has come.  Else the first slot after now, which may have been run before: the caller looks.
std::optional<Moment> realign(const Timetable &timetable, std::optional<Moment> due, Moment now);

/// When to try again after the nth attempt has failed: retry_delay * 2^(n - 1), times `jitter`, which is in 0.87
/// to 1.13. std::nullopt if n > max_retries or that would be at or after the next slot.
std::optional<Moment> retry_at(Moment now, int attempt, int max_retries, Moment retry_delay, double jitter,
                               std::optional<Moment> next);

/// When to start again after the nth attempt was cut short by a crash: 1, 4, 16, 64 seconds; std::nullopt after five.
std::optional<Moment> restart_at(Moment now, int attempt);

} // namespace warden::schedule
