#include "partition/set.hpp"

#include "partition/flat.hpp"
#include "partition/position.hpp"
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

Window window_of_numbers(const Policy &policy, const Bounds &bounds) {
	const Position position = find_position(policy.parent, bounds, policy.anchor);
	const Zone none = no_zone();
	const Span behind{.microseconds = policy.every.microseconds > end / most_partitions_behind
	                                      ? end
	                                      : policy.every.microseconds * most_partitions_behind};
	return {.now = position.number,
	        .horizon = add(position.number, policy.ahead, none),
	        .cutoff = policy.keep && position.is_known ? add(position.number, *policy.keep, none, -1) : beginning,
	        .oldest = add(position.number, behind, none, -1)};
}

Window window_of_time(const Policy &policy, const Bounds &bounds, const Zone &zone) {
	const Zone calendar_zone = key_zone(bounds.key, zone);
	const Moment now = key_now(bounds.key, zone);
	return {.now = now,
	        .horizon = add(now, policy.ahead, calendar_zone),
	        .cutoff = policy.keep ? add(now, *policy.keep, calendar_zone, -1) : beginning};
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
	const std::optional<Step> step = step_of(policy.every);
	if (!step) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the policy's interval is not in one unit")
			.with_hint("Declare the set anew with warden.partition_by_time().");
	}
	const Zone zone = server_zone(policy.timezone);
	const bool numbers = policy.is_of_numbers();
	Window window = numbers ? window_of_numbers(policy, bounds) : window_of_time(policy, bounds, zone);
	window.horizon = std::min(window.horizon, bounds.key.domain.last == last_moment ? end : bounds.key.domain.last + 1);
	const Moment anchor = numbers ? policy.anchor : boundary(policy.anchor, bounds.key, zone);
	const Range limits = policy.kind.limits.value_or(Range{beginning, end});
	return {zone, Calendar(*step, anchor, key_zone(bounds.key, zone)), std::move(bounds), window_within(limits, window),
	        limits};
}

Set examine(const Policy &policy) {
	const OpenRelation parent(policy.parent, AccessShareLock);
	return examine(policy, read_bounds(parent, policy));
}

} // namespace warden::partition
