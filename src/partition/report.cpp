// report.cpp - What the views of partition.sql cannot read from the catalogue by themselves.
#include "partition/outlook.hpp"
#include "partition/tree.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/zone.hpp"

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_authid.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
}

namespace warden::partition {

using namespace pg;

namespace {

bool is_monitor() {
	return call([] { return has_privs_of_role(GetUserId(), ROLE_PG_MONITOR); });
}

/// The policy of a set that the caller may see, with its table locked.  The views may ask for a set that has gone since
/// their snapshot: that is no error.
std::optional<Policy> visible_policy(Oid parent) {
	call(LockRelationOid, parent, AccessShareLock);
	if (!relation_exists(parent) || (!owns(parent) && !is_monitor())) {
		return std::nullopt;
	}
	return governing_policy(parent);
}

/// A look at a set must not fail because its zone is not known any more: its bounds are then written in UTC.
Zone zone_or_utc(const Policy &policy) {
	const std::optional<Zone> zone = find_zone(policy.timezone);
	return zone ? *zone : server_zone("UTC");
}

/// Nor because a policy was restored for a table of another kind: maintenance tells of that.
Bounds bounds_or_none(const Policy &policy) {
	Bounds bounds{{TIMESTAMPTZOID, Notation::Timestamptz, {first_moment, last_moment}, "", {}}, {}, {}, InvalidOid, {}};
	std::ignore = attempt([&] {
		const OpenRelation table(policy.parent, NoLock);
		bounds = read_bounds(table, policy);
	});
	return bounds;
}

/// A moment of the key for SQL.
Timestamptz instant_of(Moment moment, const Key &key, const Zone &zone) {
	return {moment >= infinity ? DT_NOEND : moment <= minus_infinity ? DT_NOBEGIN : from_key(moment, key, zone)};
}

std::optional<Timestamptz> instant_or_never(Moment moment, const Key &key, const Zone &zone) {
	return moment == end ? std::nullopt : std::optional(instant_of(moment, key, zone));
}

/// Nor because the files of a partition cannot be looked at just now.
std::vector<std::string> reasons_or_none(const Policy &policy, const Bounds &bounds, const Outlook &outlook,
                                         const Zone &zone) {
	std::vector<std::string> reasons;
	if (const auto error = attempt([&] { reasons = reasons_to_stay(policy, bounds, outlook, zone); })) {
		reasons.assign(bounds.ranges.size(), error->message);
	}
	return reasons;
}

} // namespace

/// partition_bounds(parent regclass) returns table (partition, kind, lower_bound, upper_bound, expires_at, reason)
PG_FUNCTION(partition_bounds) {
	const auto parent = argument<Oid>(fcinfo, 0);
	ResultSet<Oid, std::string, std::optional<std::string>, std::optional<std::string>, std::optional<Timestamptz>,
	          std::optional<std::string>>
		rows(fcinfo);
	const auto policy = visible_policy(parent);
	if (!policy) {
		PG_RETURN_NULL();
	}
	const Zone zone = zone_or_utc(*policy);
	const Bounds bounds = bounds_or_none(*policy);
	const PinnedSettings settings;
	const Outlook outlook = look_ahead(*policy, bounds, zone);
	std::vector<std::string> reasons = reasons_or_none(*policy, bounds, outlook, zone);
	const Oid detaching = find_detaching(parent);
	const std::string is_leaving = "it is being detached, which the next maintenance completes";
	for (size_t i = 0; i < bounds.ranges.size(); ++i) {
		const Range &range = bounds.ranges[i];
		if (bounds.oids[i] == detaching) {
			reasons[i] = is_leaving;
		}
		// A range that lies between two moments has bounds of one of them only.
		const bool between = range.lower == range.upper;
		rows.add(bounds.oids[i], bounds.oids[i] == detaching ? "detaching" : "range",
		         show_bound(range.lower, between ? Side::Upper : Side::Lower, bounds.key, zone),
		         show_bound(range.upper, between ? Side::Lower : Side::Upper, bounds.key, zone),
		         instant_or_never(expiry(*policy, range, key_zone(bounds.key, zone)), bounds.key, zone), reasons[i]);
	}
	if (policy->kind.method != Method::Range) {
		for (const Oid partition : bounds.oids) {
			rows.add(partition, partition == detaching ? "detaching" : name_of(policy->kind.method), std::nullopt,
			         std::nullopt, std::nullopt,
			         partition == detaching ? is_leaving : "partitions of a set without an order do not expire");
		}
	}
	if (OidIsValid(bounds.default_partition)) {
		rows.add(bounds.default_partition, "default", std::nullopt, std::nullopt, std::nullopt,
		         "it is the default partition");
	}
	PG_RETURN_NULL();
}

/// partition_coverage(parent regclass) returns table (covered_until, covered_to, numbers_left, partitions,
/// default_partition, next_step, next_step_at)
PG_FUNCTION(partition_coverage) {
	const auto parent = argument<Oid>(fcinfo, 0);
	ResultSet<std::optional<Timestamptz>, std::optional<std::string>, std::optional<int64>, int64, std::optional<Oid>,
	          std::optional<std::string>, std::optional<Timestamptz>>
		rows(fcinfo);
	const auto policy = visible_policy(parent);
	if (!policy) {
		PG_RETURN_NULL();
	}
	const Zone zone = zone_or_utc(*policy);
	const Bounds bounds = bounds_or_none(*policy);
	const bool numbers = policy->is_of_numbers();
	const PinnedSettings settings;
	const Outlook outlook = look_ahead(*policy, bounds, zone);
	const auto &[now, covered, next_action, next_due] = outlook;
	const bool is_covered = covered && covered != now;
	const bool has_default = OidIsValid(bounds.default_partition);
	const bool suspended = is_suspended(*policy);
	rows.add(is_covered && !numbers ? std::optional(instant_of(*covered, bounds.key, zone)) : std::nullopt,
	         is_covered ? std::optional(show_bound(*covered, Side::Upper, bounds.key, zone)) : std::nullopt,
	         is_covered && numbers && now && is_finite(*covered) ? std::optional(*covered - *now - 1) : std::nullopt,
	         static_cast<int64>(bounds.oids.size()) + (has_default ? 1 : 0),
	         has_default ? std::optional(bounds.default_partition) : std::nullopt,
	         suspended                ? std::optional<std::string>("suspended")
	         : next_action != nullptr ? std::optional<std::string>(next_action)
	                                  : std::nullopt,
	         suspended ? std::nullopt : instant_or_never(next_due, bounds.key, zone));
	PG_RETURN_NULL();
}

} // namespace warden::partition
