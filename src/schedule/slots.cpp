#include "schedule/slots.hpp"

#include <algorithm>
#include <cmath>

namespace warden::schedule {

namespace {

/// How many late slots are made up for, of any number.
std::size_t count_made_up(Missed missed, const InHand &in_hand, std::size_t on_time) {
	switch (missed) {
	case Missed::Skip:
		return 0;
	case Missed::Once:
		return on_time > 0 ? 0 : 1; // a slot that is on time makes up for those before it
	case Missed::All:
		break;
	}
	const std::size_t taken = static_cast<std::size_t>(std::max(in_hand.waiting, 0)) + on_time;
	return taken < max_backlog ? max_backlog - taken : 0;
}

/// How many slots a job may have in hand at once.
std::size_t most_in_hand(Missed missed, Overlap overlap, const InHand &in_hand) {
	if (missed == Missed::All) {
		return max_backlog + (in_hand.running ? 1 : 0);
	}
	return overlap == Overlap::Queue ? 2 : 1;
}

void add(std::optional<Passed> &passed, Moment slot) {
	if (passed) {
		passed->last = slot;
		++passed->count;
	} else {
		passed = Passed{slot, slot, 1};
	}
}

} // namespace

Claim claim(const Timetable &timetable, Missed missed, Overlap overlap, const InHand &in_hand, Moment due, Moment now) {
	Claim result;
	if (due > now) {
		result.next = due;
		return result;
	}
	const Moment last_late = now - timetable.grace() - 1;
	std::vector<Moment> on_time;
	std::optional<Moment> slot = due <= last_late ? timetable.next(last_late) : due;
	for (; slot && *slot <= now; slot = timetable.next(*slot)) {
		on_time.push_back(*slot);
	}
	result.next = slot;

	const std::size_t made_up = count_made_up(missed, in_hand, on_time.size());
	std::vector<Moment> slots = timetable.newest(due, last_late, made_up + 1);
	if (slots.size() > made_up) {
		const Slots given_up = timetable.between(due, slots.front());
		result.missed = Passed{given_up.first, given_up.last, given_up.count};
		slots.erase(slots.begin());
	}
	slots.insert(slots.end(), on_time.begin(), on_time.end());

	std::size_t taken = static_cast<std::size_t>(std::max(in_hand.waiting, 0)) + (in_hand.running ? 1 : 0);
	const std::size_t most = most_in_hand(missed, overlap, in_hand);
	for (const Moment candidate : slots) {
		if (taken < most) {
			result.run.push_back(candidate);
			++taken;
		} else {
			add(result.skipped, candidate);
		}
	}
	return result;
}

std::optional<Moment> realign(const Timetable &timetable, std::optional<Moment> due, Moment now) {
	return due && *due <= now ? due : timetable.next(now);
}

std::optional<Moment> retry_at(Moment now, int attempt, int max_retries, Moment retry_delay, double jitter,
                               std::optional<Moment> next) {
	if (attempt > max_retries) {
		return std::nullopt;
	}
	const double delay = std::ldexp(static_cast<double>(retry_delay) * jitter, std::max(attempt, 1) - 1);
	const Moment before = std::min(next.value_or(end), last_moment);
	if (delay >= static_cast<double>(before) - static_cast<double>(now)) {
		return std::nullopt;
	}
	const Moment at = now + static_cast<Moment>(delay);
	return at < before ? std::optional(at) : std::nullopt;
}

std::optional<Moment> restart_at(Moment now, int attempt) {
	constexpr int most_attempts = 5;
	if (attempt >= most_attempts) {
		return std::nullopt;
	}
	constexpr int doublings_each = 2; // 1, 4, 16, 64 s
	return now + (microseconds_per_second << (doublings_each * (std::max(attempt, 1) - 1)));
}

} // namespace warden::schedule
