// report.cpp - What the views of partition.sql cannot read from the catalogue by themselves.
#include "partition/position.hpp"
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

/// By the sequence alone: a look at a set reads no row of a user's.
std::optional<Moment> last_number(const Policy &policy, const Bounds &bounds) {
	std::optional<Moment> number;
	std::ignore = attempt([&] { number = sequence_position(policy.parent, bounds.key); });
	return number;
}

/// Where the first gap is, if it is not known how far the set has come.
std::optional<Moment> first_gap(const std::vector<Range> &ranges) {
	return ranges.empty() ? std::nullopt : std::optional(covered_until(ranges, ranges.front().lower));
}

std::optional<Timestamptz> expiry(const Policy &policy, const Range &range, const Key &key, const Zone &zone) {
	if (!policy.keep || !is_finite(range.upper) || policy.is_of_numbers()) {
		return std::nullopt;
	}
	return instant_of(add(range.upper, *policy.keep, key_zone(key, zone)), key, zone);
}

} // namespace

/// partition_bounds(parent regclass) returns table (partition, kind, lower_bound, upper_bound, expires_at)
PG_FUNCTION(partition_bounds) {
	const auto parent = argument<Oid>(fcinfo, 0);
	ResultSet<Oid, std::string, std::optional<std::string>, std::optional<std::string>, std::optional<Timestamptz>>
		rows(fcinfo);
	const auto policy = visible_policy(parent);
	if (!policy) {
		PG_RETURN_NULL();
	}
	const Zone zone = zone_or_utc(*policy);
	const Bounds bounds = bounds_or_none(*policy);
	const PinnedSettings settings;
	const Oid detaching = find_detaching(parent);
	for (size_t i = 0; i < bounds.ranges.size(); ++i) {
		const Range &range = bounds.ranges[i];
		// A range that lies between two moments has bounds of one of them only.
		const bool between = range.lower == range.upper;
		rows.add(bounds.oids[i], bounds.oids[i] == detaching ? "detaching" : "range",
		         show_bound(range.lower, between ? Side::Upper : Side::Lower, bounds.key, zone),
		         show_bound(range.upper, between ? Side::Lower : Side::Upper, bounds.key, zone),
		         expiry(*policy, range, bounds.key, zone));
	}
	if (policy->kind.method != Method::Range) {
		for (const Oid partition : bounds.oids) {
			rows.add(partition, partition == detaching ? "detaching" : name_of(policy->kind.method), std::nullopt,
			         std::nullopt, std::nullopt);
		}
	}
	if (OidIsValid(bounds.default_partition)) {
		rows.add(bounds.default_partition, "default", std::nullopt, std::nullopt, std::nullopt);
	}
	PG_RETURN_NULL();
}

/// partition_coverage(parent regclass) returns table (covered_until, covered_to, numbers_left, partitions,
/// default_partition)
PG_FUNCTION(partition_coverage) {
	const auto parent = argument<Oid>(fcinfo, 0);
	ResultSet<std::optional<Timestamptz>, std::optional<std::string>, std::optional<int64>, int64, std::optional<Oid>>
		rows(fcinfo);
	const auto policy = visible_policy(parent);
	if (!policy) {
		PG_RETURN_NULL();
	}
	const Zone zone = zone_or_utc(*policy);
	const Bounds bounds = bounds_or_none(*policy);
	const bool numbers = policy->is_of_numbers();
	const std::optional<Moment> now = numbers ? last_number(*policy, bounds) : key_now(bounds.key, zone);
	const std::optional<Moment> covered =
		now ? std::optional(covered_until(bounds.ranges, *now)) : first_gap(bounds.ranges);
	const bool is_covered = covered && covered != now;
	const bool has_default = OidIsValid(bounds.default_partition);
	rows.add(is_covered && !numbers ? std::optional(instant_of(*covered, bounds.key, zone)) : std::nullopt,
	         is_covered ? std::optional(show_bound(*covered, Side::Upper, bounds.key, zone)) : std::nullopt,
	         is_covered && numbers && now && is_finite(*covered) ? std::optional(*covered - *now - 1) : std::nullopt,
	         static_cast<int64>(bounds.oids.size()) + (has_default ? 1 : 0),
	         has_default ? std::optional(bounds.default_partition) : std::nullopt);
	PG_RETURN_NULL();
}

} // namespace warden::partition
