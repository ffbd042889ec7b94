// report.cpp - What the views of partition.sql cannot read from the catalogue by themselves.
#include "partition/set.hpp"

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
	const std::vector<Policy> policies = read_policies(parent);
	return policies.empty() ? std::nullopt : std::optional(policies.front());
}

/// A look at a set must not fail because its zone is not known any more: its bounds are then written in UTC.
Zone zone_or_utc(const Policy &policy) {
	const std::optional<Zone> zone = find_zone(policy.timezone);
	return zone ? *zone : server_zone("UTC");
}

/// Nor because a policy was restored for a table of another kind: maintenance tells of that.
Bounds bounds_or_none(Oid parent) {
	Bounds bounds{{TIMESTAMPTZOID, Notation::Timestamptz, ""}, {}, {}, InvalidOid};
	std::ignore = attempt([&] {
		const OpenRelation table(parent, NoLock);
		bounds = read_bounds(table);
	});
	return bounds;
}

std::string write_bound(Moment bound, const Key &key, const Zone &zone) {
	if (is_finite(bound)) {
		return literal(bound, key.notation, key_zone(key, zone));
	}
	return bound == beginning ? "MINVALUE" : bound == end ? "MAXVALUE" : bound == infinity ? "infinity" : "-infinity";
}

/// A moment of the key for SQL.
Timestamptz instant_of(Moment moment, const Key &key, const Zone &zone) {
	return {moment >= infinity ? DT_NOEND : moment <= minus_infinity ? DT_NOBEGIN : from_key(moment, key, zone)};
}

std::optional<Timestamptz> expiry(const Policy &policy, const Range &range, const Key &key, const Zone &zone) {
	if (!policy.keep || !is_finite(range.upper)) {
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
	const Bounds bounds = bounds_or_none(parent);
	const PinnedSettings settings;
	const Oid detaching = find_detaching(parent);
	for (size_t i = 0; i < bounds.ranges.size(); ++i) {
		const Range &range = bounds.ranges[i];
		rows.add(bounds.oids[i], bounds.oids[i] == detaching ? "detaching" : "range",
		         write_bound(range.lower, bounds.key, zone), write_bound(range.upper, bounds.key, zone),
		         expiry(*policy, range, bounds.key, zone));
	}
	if (OidIsValid(bounds.default_partition)) {
		rows.add(bounds.default_partition, "default", std::nullopt, std::nullopt, std::nullopt);
	}
	PG_RETURN_NULL();
}

/// partition_coverage(parent regclass) returns table (covered_until, partitions, default_partition)
PG_FUNCTION(partition_coverage) {
	const auto parent = argument<Oid>(fcinfo, 0);
	ResultSet<std::optional<Timestamptz>, int64, std::optional<Oid>> rows(fcinfo);
	const auto policy = visible_policy(parent);
	if (!policy) {
		PG_RETURN_NULL();
	}
	const Zone zone = zone_or_utc(*policy);
	const Bounds bounds = bounds_or_none(parent);
	const Moment now = key_now(bounds.key, zone);
	const Moment covered = covered_until(bounds.ranges, now);
	const bool has_default = OidIsValid(bounds.default_partition);
	rows.add(covered == now ? std::nullopt : std::optional(instant_of(covered, bounds.key, zone)),
	         static_cast<int64>(bounds.ranges.size()) + (has_default ? 1 : 0),
	         has_default ? std::optional(bounds.default_partition) : std::nullopt);
	PG_RETURN_NULL();
}

} // namespace warden::partition
