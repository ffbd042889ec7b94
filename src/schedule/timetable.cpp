#include "schedule/timetable.hpp"

#include <algorithm>

namespace warden::schedule {

namespace {

std::optional<Moment> next_slot(const Interval &interval, Moment after) {
	const __int128 elapsed = static_cast<__int128>(after) - interval.anchor;
	const __int128 n = elapsed < 0 ? 1 : elapsed / interval.period + 1;
	const __int128 slot = interval.anchor + n * interval.period;
	return slot <= last_moment ? std::optional(static_cast<Moment>(slot)) : std::nullopt;
}

} // namespace

std::optional<Moment> Timetable::next_scheduled(Moment after) const {
	if (const auto *const cron = std::get_if<Cron>(&schedule_)) {
		return schedule::next(*cron, zone_, after);
	}
	if (const auto *const interval = std::get_if<Interval>(&schedule_)) {
		return next_slot(*interval, after);
	}
	const auto *const once = std::get_if<Once>(&schedule_);
	return once != nullptr && once->at > after ? std::optional(once->at) : std::nullopt;
}

std::optional<Moment> Timetable::next(Moment after) const {
	constexpr int most_tries = 1000;
	std::optional<Moment> slot = next_scheduled(after);
	for (int tries = 0; slot && tries < most_tries; ++tries) {
		const std::optional<Moment> opening = next_opening(*slot);
		if (!opening || *opening == *slot) {
			return opening;
		}
		slot = next_scheduled(*opening - 1);
	}
	return std::nullopt;
}

Slots Timetable::between(Moment first, Moment until) const {
	if (first > until) {
		return {};
	}
	const auto *const interval = std::get_if<Interval>(&schedule_);
	if (interval != nullptr && window_.empty()) {
		const auto more = static_cast<std::int64_t>((static_cast<__int128>(until) - first) / interval->period);
		return {std::min(more + 1, max_counted), first, first + more * interval->period};
	}
	Slots slots{1, first, first};
	for (auto slot = next(first); slot && *slot <= until; slot = next(*slot)) {
		if (slots.count == max_counted) {
			slots.last = newest(*slot, until, 1).front();
			break;
		}
		++slots.count;
		slots.last = *slot;
	}
	return slots;
}

// By bisection: there are few slots in a moment, and many in a year.
std::vector<Moment> Timetable::newest(Moment first, Moment until, std::size_t limit) const {
	std::vector<Moment> slots;
	const auto collect = [&](std::optional<Moment> slot) {
		for (slots.clear(); slots.size() < limit && slot && *slot <= until; slot = next(*slot)) {
			slots.push_back(*slot);
		}
		return slots.size() == limit;
	};
	if (limit == 0 || !collect(first)) {
		return slots;
	}
	// As many as wanted begin with `enough`, which is a slot, but with none after `few`.
	Moment enough = first, few = until;
	for (auto slot = next(enough); collect(slot); slot = next(enough)) {
		enough = slots.front();
		const Moment middle = enough + (few - enough) / 2;
		if (collect(next(middle))) {
			enough = slots.front();
		} else {
			few = middle;
		}
	}
	collect(enough);
	return slots;
}

Moment Timetable::grace() const {
	const auto *const interval = std::get_if<Interval>(&schedule_);
	return interval != nullptr ? std::min(interval->period, microseconds_per_minute) : microseconds_per_minute;
}

Timetable Timetable::anchored_at(Moment anchor) const {
	Timetable moved = *this;
	if (auto *const interval = std::get_if<Interval>(&moved.schedule_)) {
		interval->anchor = anchor;
	}
	return moved;
}

} // namespace warden::schedule
