// plan_invariants.hpp - What holds for every set of partitions, calendar and window: for random ones and for fuzzing.
#pragma once

#include "calendars.hpp"
#include "partition/plan.hpp"

#include <set>

namespace warden::partition {

inline std::string shown(const std::vector<Range> &set) {
	const auto bound = [](Moment moment) {
		return moment == beginning ? "MINVALUE"
		       : moment == end     ? "MAXVALUE"
		                           : literal(moment, Notation::Timestamp, utc);
	};
	std::string text;
	for (const Range &range : set) {
		text += "[" + bound(range.lower) + ", " + bound(range.upper) + ")\n";
	}
	return text;
}

inline std::vector<Range> with(std::vector<Range> set, const std::vector<Range> &more) {
	set.insert(set.end(), more.begin(), more.end());
	std::ranges::sort(
		set, [](const Range &a, const Range &b) { return a.lower != b.lower ? a.lower < b.lower : a.upper < b.upper; });
	return set;
}

/// What is missing in the order of time, and not in that of need.
inline std::vector<Range> missing_by_time(const std::vector<Range> &existing, const Calendar &calendar,
                                          const Window &window, std::size_t limit) {
	return with({}, missing_ranges(existing, calendar, window, limit));
}

/// Every other part between the bounds, more or less.
inline std::vector<Range> set_between(const std::set<Moment> &bounds, auto &&is_part) {
	std::vector<Range> set;
	for (auto bound = bounds.begin(); bound != bounds.end() && std::next(bound) != bounds.end(); ++bound) {
		if (is_part()) {
			set.push_back({*bound, *std::next(bound)});
		}
	}
	return set;
}

inline std::string broken_by(const Range &range, const Calendar &calendar, const Window &window) {
	const Moment step_begin = calendar.start(calendar.number(range.lower));
	const Moment step_end = calendar.start(calendar.number(range.lower) + 1);
	return range.lower >= range.upper                                ? "is empty"
	       : range.lower < first_moment || range.upper > last_moment ? "is not finite"
	       : range.upper <= window.cutoff                            ? "has expired"
	       : range.lower < step_begin || range.upper > step_end      ? "is not in one step of the calendar"
	       : step_begin >= window.horizon                            ? "is beyond the horizon"
	                                                                 : "";
}

/// What is wrong with the plan for the set, or nothing.  Plans of more than `limit` ranges are looked at in part.
inline std::string broken_invariant(const std::vector<Range> &existing, const Calendar &calendar, const Window &window,
                                    std::size_t limit) {
	const auto missing = missing_ranges(existing, calendar, window, limit);
	if (missing.size() > limit) {
		return "more than the limit";
	}
	for (const Range &range : missing) {
		if (const std::string reason = broken_by(range, calendar, window); !reason.empty()) {
			return shown({range}) + reason;
		}
	}
	const auto all = with(existing, missing);
	for (std::size_t i = 1; i < all.size(); ++i) {
		if (all[i - 1].upper > all[i].lower) {
			return "overlap";
		}
	}
	if (count_expired(all, window) != count_expired(existing, window)) {
		return "created to be dropped";
	}
	auto one_by_one = existing;
	for (const Range &range : missing) {
		if (missing_ranges(one_by_one, calendar, window, 1) != std::vector<Range>{range}) {
			return shown({range}) + "is not the next one";
		}
		one_by_one = with(one_by_one, {range});
	}
	if (missing.size() == limit) {
		return "";
	}
	if (!missing_ranges(all, calendar, window, limit).empty()) {
		return "not idempotent";
	}

	// The calendar has no boundaries out of the server's range.
	const std::int64_t first = calendar.number(first_moment);
	const Moment possible_begin = calendar.start(calendar.start(first) == beginning ? first + 1 : first);
	const Moment possible_end = calendar.start(calendar.number(last_moment));
	const Moment horizon = std::min(window.horizon, possible_end);
	const auto is_covered = [&](Moment from) {
		from = std::max(from, possible_begin);
		return from >= horizon || covered_until(all, from) >= horizon;
	};
	if (!is_covered(window.now)) {
		return "not covered up to the horizon";
	}
	const auto current = std::ranges::upper_bound(existing, window.now, {}, &Range::upper);
	if (current != existing.begin() && std::prev(current)->upper != beginning) {
		const Moment from = std::max(std::prev(current)->upper, window.cutoff);
		if (!is_covered(from)) {
			return "not covered up to now";
		}
		if (!missing.empty() && missing.front().upper <= from) {
			return "older than the last partition";
		}
	}
	return "";
}

} // namespace warden::partition
