#include "partition/set.hpp"

#include "pg/zone.hpp"

namespace warden::partition {

using namespace pg;

namespace {

/// The anchor as a value of the key: of a date, the day that it is in.
Moment boundary(Moment anchor, const Key &key, const Zone &zone) {
	const Moment value = to_key(anchor, key, zone);
	if (key.notation != Notation::Date) {
		return value;
	}
	const Moment time = value % microseconds_per_day;
	return value - (time < 0 ? time + microseconds_per_day : time);
}

} // namespace

Set examine(const Policy &policy, Bounds bounds) {
	const std::optional<Step> step = step_of(policy.every);
	if (!step) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the policy's interval is not in one unit")
			.with_hint("Declare the set anew with warden.partition_by_time().");
	}
	const Zone zone = server_zone(policy.timezone);
	const Zone calendar_zone = key_zone(bounds.key, zone);
	const Moment now = key_now(bounds.key, zone);
	const Window window{now, add(now, policy.ahead, calendar_zone),
	                    policy.keep ? add(now, *policy.keep, calendar_zone, -1) : beginning};
	return {zone, Calendar(*step, boundary(policy.anchor, bounds.key, zone), calendar_zone), std::move(bounds), window};
}

Set examine(const Policy &policy) {
	const OpenRelation parent(policy.parent, AccessShareLock);
	return examine(policy, read_bounds(parent));
}

} // namespace warden::partition
