#include "partition/set.hpp"

#include "partition/flat.hpp"
#include "pg/zone.hpp"

#include <algorithm>

namespace warden::partition {

using namespace pg;

namespace {

/// The anchor as a value of the key: of a date, the day that it is in.
Moment boundary(Moment anchor, const Key &key, const Zone &zone) {
	const Moment value = to_key(anchor, key, zone);
	return value - floor_modulo(value, resolution_of(key.notation));
}

// Of numbers that nobody has used many partitions are left out: a sequence was set far ahead.
constexpr std::int64_t most_partitions_behind = 100;

Window window_of_numbers(const Policy &policy, const Position &position) {
	const Zone none = no_zone();
	const Span behind{.microseconds = policy.every.microseconds > end / most_partitions_behind
	                                      ? end
	                                      : policy.every.microseconds * most_partitions_behind};
	return {.now = position.number,
	        .horizon = add(position.number, policy.ahead, none),
	        .cutoff = beginning,
	        .oldest = add(position.number, behind, none, -1),
	        .is_known = position.is_known};
}

Window window_of_time(const Policy &policy, const Bounds &bounds, const Zone &zone) {
	const Moment now = key_now(bounds.key, zone);
	return {.now = now, .horizon = add(now, policy.ahead, key_zone(bounds.key, zone)), .cutoff = beginning};
}

/// What the policy says of age and number.  Of a gap nothing is filled that would leave at once.
void limit(Window &window, const Retention &retention, const Bounds &bounds, const Calendar &calendar) {
	if (!window.is_known) {
		return;
	}
	if (retention.keep) {
		window.cutoff = add(window.now, *retention.keep, calendar.zone(), -1);
	}
	if (retention.partitions) {
		window.cutoff = std::max(window.cutoff, cutoff_by_count(bounds.ranges, window.now, *retention.partitions));
		const std::int64_t current = calendar.number(window.now);
		window.oldest = std::max(window.oldest, calendar.start(current - *retention.partitions));
	}
}

/// One without an order: nothing in it is due because of where the time or the numbers are.
Set examine_flat(Bounds bounds) {
	return {no_zone(),
	        Calendar({Step::Unit::Microsecond, 1}, 0, no_zone()),
	        std::move(bounds),
	        {.now = 0, .horizon = beginning, .cutoff = beginning}};
}

/// What lies within finite limits is made at once, but for what has expired: no row beyond them comes there later.
Window window_within(const Range &limits, Window window) {
	if (is_finite(limits.upper)) {
		window.horizon = limits.upper;
	}
	if (is_finite(limits.lower)) {
		window.now = std::max(limits.lower, window.cutoff);
	}
	return window;
}

} // namespace

Bounds read_bounds(const OpenRelation &parent, const Policy &policy) {
	return policy.kind.method == Method::Range ? read_bounds(parent, policy.notation)
	                                           : read_flat_bounds(parent, policy.kind.method);
}

Set examine(const Policy &policy, Bounds bounds) {
	if (policy.kind.method != Method::Range) {
		return examine_flat(std::move(bounds));
	}
	const Position position =
		policy.is_of_numbers() ? find_position(policy.parent, bounds, policy.anchor) : Position{0, true};
	return examine(policy, std::move(bounds), position);
}

Set examine(const Policy &policy, Bounds bounds, const Position &position) {
	const std::optional<Step> step = step_of(policy.every);
	if (!step) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the policy's interval is not in one unit")
			.with_hint("Declare the set anew with warden.partition_by_time().");
	}
	const Zone zone = server_zone(policy.timezone);
	const bool numbers = policy.is_of_numbers();
	Window window = numbers ? window_of_numbers(policy, position) : window_of_time(policy, bounds, zone);
	window.horizon = std::min(window.horizon, bounds.key.domain.last == last_moment ? end : bounds.key.domain.last + 1);
	const Moment anchor = numbers ? policy.anchor : boundary(policy.anchor, bounds.key, zone);
	const Calendar calendar(*step, anchor, key_zone(bounds.key, zone));
	limit(window, policy.retention, bounds, calendar);
	const Range limits = policy.kind.limits.value_or(Range{beginning, end});
	return {zone, calendar, std::move(bounds), window_within(limits, window), limits};
}

Set examine(const Policy &policy) {
	const OpenRelation parent(policy.parent, AccessShareLock);
	return examine(policy, read_bounds(parent, policy));
}

} // namespace warden::partition
