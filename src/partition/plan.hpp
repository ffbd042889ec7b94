// plan.hpp - What a set of partitions lacks and what it has outlived, from bounds and the clock alone.
//
// Plain C++.  The invariant: nothing is ever proposed that overlaps a partition that exists, whatever its bounds, and
// nothing is expired before its own upper bound is.
#pragma once

#include "partition/calendar.hpp"

#include <cstddef>
#include <vector>

namespace warden::partition {

/// What a partition holds: lower <= key < upper.
struct Range {
	Moment lower;
	Moment upper;

	bool operator==(const Range &) const = default;
};

/// Whether a key may be in both.
bool overlaps(const Range &one, const Range &other);

/// How far a set reaches: from what retention leaves to the horizon.
struct Window {
	Moment now;
	Moment horizon;            ///< now + ahead: every moment before it is to be covered
	Moment cutoff;             ///< what ends at or before it has expired; `beginning` if nothing has
	Moment oldest = beginning; ///< gaps before it are left
	bool is_known = true;      ///< whether `now` is certain; else nothing expires
};

/// The ranges to create, at most `limit` of them: the calendar's ranges from the end of the last partition before now
/// up to the horizon, less what is covered already, what has expired and what is too old.  First those that end after
/// now, then those before, each oldest first.  `existing` is sorted and disjoint.
std::vector<Range> missing_ranges(const std::vector<Range> &existing, const Calendar &calendar, const Window &window,
                                  std::size_t limit);

/// The same ranges as far as the key can hold them: one that reaches beyond its domain has no bound there.
std::vector<Range> within(const Domain &domain, std::vector<Range> ranges);

/// The cutoff that leaves so many of the ranges that end by now; `beginning` if there are no more.
Moment cutoff_by_count(const std::vector<Range> &existing, Moment now, std::int64_t count);

/// The cutoff that leaves no more than so many bytes, of which sizes[i] are in existing[i]; but what ends after now
/// stays whatever its size.
Moment cutoff_by_size(const std::vector<Range> &existing, const std::vector<std::int64_t> &sizes, Moment now,
                      std::int64_t bytes);
/// The same ranges as far as they are within limits.
std::vector<Range> within(const Range &limits, std::vector<Range> ranges);

/// How many of the existing ranges, which are sorted, have expired: they come first.
std::size_t count_expired(const std::vector<Range> &existing, const Window &window);

/// The first moment from `now` on that no range covers; `end` if there is none, `now` if it is now.
Moment covered_until(const std::vector<Range> &existing, Moment now);

/// The anchor that continues what exists: the phase of the partition around now (else the last before it, else the
/// first after it) if that is one step long, else the default one.
Moment infer_anchor(const std::vector<Range> &existing, const Step &step, Moment now, const Zone &zone);

/// Whether every finite bound is a midnight of the zone, or begins a day whose midnight the clocks skipped.
bool at_midnight(const std::vector<Range> &existing, const Zone &zone);

/// The same for a number, whose default anchor is 0.
Moment infer_anchor(const std::vector<Range> &existing, std::int64_t every, Moment now);

/// How far ahead to create when nobody said: four steps, and more up to a week as long as that is no more than 48.
Span default_ahead(const Step &step);

} // namespace warden::partition
