#include "partition/retention.hpp"

#include "partition/hold.hpp"
#include "partition/order.hpp"
#include "partition/position.hpp"
#include "partition/references.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "utils/acl.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr int most_links = 8; // of sets that take each other along

// $1 the parent.
constinit Statement select_sizes{R"(
SELECT h.inhrelid, sum(pg_total_relation_size(t.relid))::bigint
FROM pg_inherits h, pg_partition_tree(h.inhrelid) t
WHERE h.inhparent = $1 AND t.isleaf
GROUP BY h.inhrelid
ORDER BY h.inhrelid)"};

// $1 the parent, $2 its key: what the key refers to, among the columns of foreign keys to other tables.
constinit Statement select_referred{R"(
SELECT f.confrelid, referred.attname::text
FROM pg_constraint f, unnest(f.conkey, f.confkey) k (own, other)
JOIN pg_attribute a ON a.attnum = k.own
JOIN pg_attribute referred ON referred.attnum = k.other
WHERE f.contype = 'f' AND f.conrelid = $1 AND f.conparentid = 0 AND f.confrelid <> $1
  AND a.attrelid = f.conrelid AND a.attname = $2 AND referred.attrelid = f.confrelid)"};

// Each table is looked up by itself (OFFSET 0): the constraints of all tables may be many.
constinit Statement select_references{R"(
SELECT p.parent::oid, f.confrelid
FROM warden.partition_policies p,
     LATERAL (SELECT confrelid FROM pg_constraint WHERE conrelid = p.parent AND contype = 'f' OFFSET 0) f
WHERE f.confrelid IN (SELECT parent::oid FROM warden.partition_policies))"};

struct Size {
	Oid partition;
	std::int64_t bytes;
};

/// What is held cannot leave, so it does not count: nothing younger leaves in its place.
Moment cutoff_of_size(const Policy &policy, const Set &set, std::int64_t bytes, const std::vector<Held> &in_pairs) {
	std::vector<Size> sizes;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[partition, size] : spi.query_latest<Oid, int64>(select_sizes, policy.parent)) {
			sizes.push_back({partition, size});
		}
	}
	const std::vector<Oid> held = held_partitions();
	std::erase_if(sizes, [&](const Size &size) { return std::ranges::binary_search(held, size.partition); });
	std::vector<std::int64_t> in_order;
	for (std::size_t i = 0; i < set.bounds.oids.size(); ++i) {
		const Oid partition = set.bounds.oids[i];
		const auto found = std::ranges::lower_bound(sizes, partition, {}, &Size::partition);
		const bool counts = found != sizes.end() && found->partition == partition &&
		                    find_held(in_pairs, set.bounds.ranges[i]) == nullptr;
		in_order.push_back(counts ? found->bytes : 0);
	}
	return cutoff_by_size(set.bounds.ranges, in_order, set.window.now, bytes);
}

Moment find_cutoff(const Policy &policy, const Set &set, bool may_read_rows, Expiry &expiry, int links);

/// By the sequence alone, if the rows of the set may not be read.
Set look_at(const Policy &policy, bool may_read_rows) {
	if (may_read_rows || !policy.is_of_numbers()) {
		return examine(policy);
	}
	Bounds bounds = read_bounds(OpenRelation(policy.parent, AccessShareLock), policy);
	const auto position = sequence_position(policy.parent, bounds.key);
	return examine(policy, std::move(bounds), {position.value_or(0), position.has_value()});
}

bool takes_along(const Policy &policy) {
	return policy.retention.references == Retention::References::Pair;
}

/// A set that takes others along, and what of it the key of ours refers to.
struct Referred {
	Policy policy;
	std::string column;
};

std::vector<Referred> find_referred(const Policy &policy, const Set &set) {
	std::vector<Referred> referred;
	// Most tables refer to none: that is known without a query.
	if (!refers_to_others(policy.parent)) {
		return referred;
	}
	Spi spi;
	for (const auto &[table, column] :
	     spi.query_latest<Oid, std::string_view>(select_referred, policy.parent, set.bounds.key.column)) {
		for (Policy &other : read_policies(table)) {
			if (takes_along(other)) {
				referred.push_back({std::move(other), std::string(column)});
			}
		}
	}
	return referred;
}

/// What partitions of the set the other one takes along, if the owner of that one may say so.
Moment paired_cutoff(const Policy &policy, const Policy &other, bool may_read_rows, Expiry &expiry, int links) {
	if (!call(has_privs_of_role, owner_of(other.parent), owner_of(policy.parent))) {
		return beginning;
	}
	expiry.others.push_back(other);
	return find_cutoff(other, look_at(other, may_read_rows), may_read_rows, expiry, links - 1);
}

Moment find_cutoff(const Policy &policy, const Set &set, bool may_read_rows, Expiry &expiry, int links) {
	const std::vector<Referred> referred = links > 0 ? find_referred(policy, set) : std::vector<Referred>();
	expiry.is_paired = expiry.is_paired || takes_along(policy) || !referred.empty();
	Moment cutoff = set.window.cutoff;
	if (policy.retention.bytes && set.window.is_known) {
		const std::vector<Held> held = expiry.is_paired ? held_in_pairs(policy) : std::vector<Held>();
		cutoff = std::max(cutoff, cutoff_of_size(policy, set, *policy.retention.bytes, held));
	}
	for (const auto &[other, column] : referred) {
		// What is wrong with the other set is told when that one is maintained.
		std::ignore = attempt([&] {
			const OpenRelation relation(other.parent, AccessShareLock);
			const Key key = read_key(relation, other.notation);
			if (key.column == column && key.type == set.bounds.key.type && key.notation == set.bounds.key.notation) {
				cutoff = std::max(cutoff, paired_cutoff(policy, other, may_read_rows, expiry, links));
			}
		});
	}
	return cutoff;
}

} // namespace

void find_expiry(const Policy &policy, const Set &set, bool may_read_rows, Expiry &expiry) {
	if (!OidIsValid(policy.kind.declared_on)) {
		expiry.cutoff = find_cutoff(policy, set, may_read_rows, expiry, most_links);
	} else {
		expiry.is_paired = may_be_paired(policy); // by the set that it is below
	}
	Window window = set.window;
	window.cutoff = expiry.cutoff;
	if (expiry.is_paired && count_expired(set.bounds.ranges, window) > 0) {
		expiry.held = held_in_pairs(policy);
	}
}

bool still_takes(const Policy &policy, const Expiry &expiry, const Range &range) {
	return range.upper <= expiry.cutoff && (!expiry.is_paired || find_held(held_in_pairs(policy), range) == nullptr);
}

std::vector<Policy> in_order(std::vector<Policy> policies) {
	std::vector<Reference> references;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[referring, referred] : spi.query_latest<Oid, Oid>(select_references)) {
			references.emplace_back(referring, referred);
		}
	}
	std::vector<Table> tables;
	tables.reserve(policies.size());
	for (const Policy &policy : policies) {
		tables.push_back(policy.parent);
	}
	tables = by_references(tables, references);
	std::ranges::sort(policies, {}, [&](const Policy &policy) { return std::ranges::find(tables, policy.parent); });
	return policies;
}

} // namespace warden::partition
