#include "partition/set.hpp"

namespace warden::partition {

using namespace pg;

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
	return {zone, Calendar(*step, to_key(policy.anchor, bounds.key, zone), calendar_zone), std::move(bounds), window};
}

Set examine(const Policy &policy) {
	const OpenRelation parent(policy.parent, AccessShareLock);
	return examine(policy, read_bounds(parent));
}

} // namespace warden::partition
