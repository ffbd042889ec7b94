#include "partition/plan.hpp"

#include <algorithm>
#include <numeric>

namespace warden::partition {

namespace {

// The first range that ends after the moment.
auto first_after(const std::vector<Range> &existing, Moment moment) {
	return std::ranges::upper_bound(existing, moment, {}, &Range::upper);
}

// Where the ranges that follow each other without a gap end; `next` becomes the one after them.
Moment end_of_chain(const std::vector<Range> &existing, std::vector<Range>::const_iterator &next) {
	Moment covered = next->lower;
	for (; next != existing.end() && next->lower == covered; ++next) {
		covered = next->upper;
	}
	return covered;
}

// Or the moment that a day without midnight begins at.
bool is_midnight(Moment moment, const Zone &zone) {
	if (!is_finite(moment) || zone.wall(moment) % microseconds_per_day == 0) {
		return true;
	}
	const Step day{Step::Unit::Day, 1};
	const Calendar calendar(day, default_anchor(day, zone), zone);
	return calendar.start(calendar.number(moment)) == moment;
}

// The calendar's ranges that begin before `span` ends, less what is covered, as far as they end after it begins.
std::vector<Range> uncovered(const std::vector<Range> &existing, const Calendar &calendar, const Range &span,
                             std::size_t limit) {
	std::vector<Range> ranges;
	auto next = first_after(existing, span.lower);
	for (std::int64_t n = calendar.number(span.lower); ranges.size() < limit; ++n) {
		Moment lower = calendar.start(n);
		const Moment upper = calendar.start(n + 1);
		if (lower >= span.upper || upper == end) {
			break;
		}
		if (next != existing.end() && next->lower <= lower && next->upper >= upper) {
			const Moment covered = end_of_chain(existing, next);
			if (covered == end) {
				break;
			}
			n = calendar.number(covered) - 1; // straight to where something may be missing
			continue;
		}
		// What ends before the span is not looked for, but it may still reach into the first range.
		if (next != existing.begin()) {
			lower = std::max(lower, std::prev(next)->upper);
		}
		for (; is_finite(lower) && lower < upper && ranges.size() < limit; ++next) {
			const Moment gap_end = next == existing.end() ? upper : std::min(upper, next->lower);
			if (lower < gap_end && gap_end > span.lower) {
				ranges.push_back({lower, gap_end});
			}
			if (next == existing.end() || next->upper > upper) {
				break;
			}
			lower = next->upper;
		}
	}
	return ranges;
}

} // namespace

std::vector<Range> missing_ranges(const std::vector<Range> &existing, const Calendar &calendar, const Window &window,
                                  std::size_t limit) {
	// What rows of now and later need comes first: the rest may take long, and more than one call.
	std::vector<Range> missing = uncovered(existing, calendar, {window.now, window.horizon}, limit);
	const auto current = first_after(existing, window.now);
	// What ends at -infinity is not a partition to continue from.
	if (current != existing.begin() && is_finite(std::prev(current)->upper)) {
		const Moment from = std::max({std::prev(current)->upper, window.cutoff, window.oldest});
		for (const Range &range : uncovered(existing, calendar, {from, window.now}, limit - missing.size())) {
			if (range.upper <= window.now) {
				missing.push_back(range);
			}
		}
	}
	return missing;
}

std::vector<Range> within(const Domain &domain, std::vector<Range> ranges) {
	std::erase_if(ranges, [&](const Range &range) { return range.lower > domain.last || range.upper <= domain.first; });
	for (Range &range : ranges) {
		range.lower = range.lower < domain.first ? beginning : range.lower;
		range.upper = range.upper > domain.last ? end : range.upper;
	}
	return ranges;
}

Moment cutoff_by_count(const std::vector<Range> &existing, Moment now, std::int64_t count) {
	const auto ended = first_after(existing, now) - existing.begin();
	return ended > count ? existing[static_cast<std::size_t>(ended - count - 1)].upper : beginning;
}

Moment cutoff_by_size(const std::vector<Range> &existing, const std::vector<std::int64_t> &sizes, Moment now,
                      std::int64_t bytes) {
	std::int64_t left = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
	Moment cutoff = beginning;
	for (std::size_t i = 0; i < existing.size() && existing[i].upper <= now && left > bytes; ++i) {
		left -= sizes[i];
		cutoff = existing[i].upper;
	}
	return cutoff;
}

bool overlaps(const Range &one, const Range &other) {
	return one == other || (one.lower < other.upper && other.lower < one.upper);
}

std::vector<Range> within(const Range &limits, std::vector<Range> ranges) {
	std::erase_if(ranges,
	              [&](const Range &range) { return range.lower >= limits.upper || range.upper <= limits.lower; });
	for (Range &range : ranges) {
		range = {std::max(range.lower, limits.lower), std::min(range.upper, limits.upper)};
	}
	return ranges;
}

std::size_t count_expired(const std::vector<Range> &existing, const Window &window) {
	if (window.cutoff == beginning) {
		return 0; // not even what ends at -infinity
	}
	return static_cast<std::size_t>(first_after(existing, window.cutoff) - existing.begin());
}

Moment covered_until(const std::vector<Range> &existing, Moment now) {
	Moment covered = now;
	for (auto next = first_after(existing, now); next != existing.end() && next->lower <= covered; ++next) {
		covered = next->upper;
	}
	return covered;
}

Moment infer_anchor(const std::vector<Range> &existing, const Step &step, Moment now, const Zone &zone) {
	const auto after = first_after(existing, now);
	const bool around = after != existing.end() && after->lower <= now;
	if (!existing.empty()) {
		const Range nearest = around || after == existing.begin() ? *after : *std::prev(after);
		if (is_finite(nearest.lower) && is_finite(nearest.upper)) {
			if (Calendar(step, nearest.lower, zone).start(1) == nearest.upper) {
				return same_phase(step, nearest.lower, zone);
			}
			// The lower bound may be one that a short month or a gap of the clocks has moved.
			if (Calendar(step, nearest.upper, zone).start(-1) == nearest.lower) {
				return same_phase(step, nearest.upper, zone);
			}
		}
	}
	return default_anchor(step, zone);
}

Moment infer_anchor(const std::vector<Range> &existing, std::int64_t every, Moment now) {
	const Step step{Step::Unit::Microsecond, every};
	return floor_modulo(infer_anchor(existing, step, now, no_zone()), every);
}

bool at_midnight(const std::vector<Range> &existing, const Zone &zone) {
	return std::ranges::all_of(
		existing, [&](const Range &range) { return is_midnight(range.lower, zone) && is_midnight(range.upper, zone); });
}

Span default_ahead(const Step &step) {
	if (step.unit == Step::Unit::Month) {
		return {.months = 4 * step.count};
	}
	if (step.unit == Step::Unit::Day) {
		return {.days = std::max<std::int64_t>(4 * step.count, 7)};
	}
	const auto times = [&](std::int64_t n) { return n * std::min(step.count, end / n); };
	return {.microseconds = std::max(times(4), std::min(7 * microseconds_per_day, times(48)))};
}

} // namespace warden::partition
