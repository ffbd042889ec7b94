#include "partition/pair.hpp"

#include "partition/bounds.hpp"
#include "partition/references.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::partition {

using namespace pg;

namespace {

// $1 the set.  A pair is two managed sets whose partition keys, of one type and notation, a foreign key joins, of which
// the one that is referred to takes the other along: its owner has the rights of the other's.  From one set to the next
// by its own foreign keys, and by the triggers of those that refer to it; each is looked up by itself (OFFSET 0).  Held
// is also what has something below it that is.
constinit Statement select_held{R"(
WITH RECURSIVE joined (oid) AS (
    SELECT $1 WHERE EXISTS (SELECT FROM warden.partition_holds)
    UNION
    SELECT next.oid
    FROM joined, LATERAL (
        SELECT CASE f.conrelid WHEN joined.oid THEN f.confrelid ELSE f.conrelid END AS oid
        FROM (SELECT oid FROM pg_constraint WHERE conrelid = joined.oid AND contype = 'f' AND conparentid = 0
              UNION SELECT tgconstraint FROM pg_trigger WHERE tgrelid = joined.oid AND tgconstrrelid <> 0) key,
             LATERAL (SELECT * FROM pg_constraint WHERE pg_constraint.oid = key.oid OFFSET 0) f,
             LATERAL (SELECT o.relowner, p.key_format, k.partattrs[0] AS attnum, a.atttypid
                      FROM warden.partition_policies p
                      JOIN pg_class o ON o.oid = f.conrelid
                      JOIN pg_partitioned_table k ON k.partrelid = f.conrelid
                      JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.partattrs[0]
                      WHERE p.parent = f.conrelid AND k.partstrat = 'r' AND k.partnatts = 1 OFFSET 0) referring,
             LATERAL (SELECT o.relowner, p.key_format, k.partattrs[0] AS attnum, a.atttypid
                      FROM warden.partition_policies p
                      JOIN pg_class o ON o.oid = f.confrelid
                      JOIN pg_partitioned_table k ON k.partrelid = f.confrelid
                      JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.partattrs[0]
                      WHERE p.parent = f.confrelid AND p.on_reference = 'pair'
                        AND k.partstrat = 'r' AND k.partnatts = 1 OFFSET 0) referred
        WHERE f.contype = 'f' AND f.conrelid <> f.confrelid AND referring.atttypid = referred.atttypid
          AND referring.key_format IS NOT DISTINCT FROM referred.key_format
          AND EXISTS (SELECT FROM unnest(f.conkey, f.confkey) k (own, other)
                      WHERE k.own = referring.attnum AND k.other = referred.attnum)
          AND pg_has_role(referred.relowner, referring.relowner, 'USAGE')) next),
held (oid) AS (
    SELECT partition::oid FROM warden.partition_holds
    UNION SELECT h.inhparent
    FROM held, LATERAL (SELECT inhparent FROM pg_inherits WHERE inhrelid = held.oid OFFSET 0) h)
SELECT c.oid::regclass::text, c.parent, c.parent::regclass::text, p.key_format, c.bound
FROM held,
     LATERAL (SELECT c.oid, h.inhparent AS parent, c.relpartbound::text AS bound
              FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
              WHERE h.inhrelid = held.oid AND c.relpartbound IS NOT NULL OFFSET 0) c
JOIN joined ON joined.oid = c.parent
JOIN warden.partition_policies p ON p.parent = c.parent
ORDER BY 3, 1)"};

} // namespace

std::vector<Held> held_in_pairs(const Policy &policy) {
	const bool is_below = OidIsValid(policy.kind.declared_on);
	const Oid set = is_below ? policy.kind.declared_on : policy.parent;
	std::vector<Held> held;
	const AsExtension owner;
	Spi spi;
	for (const auto &[partition, parent, parent_name, format, bound] :
	     spi.query_latest<std::string_view, Oid, std::string_view, std::optional<std::string_view>, std::string_view>(
			 select_held, set)) {
		const std::optional<Notation> notation = format ? notation_of(*format) : std::nullopt;
		std::optional<Range> range = range_of_bound(std::string(bound), notation);
		if (range && is_below) {
			// What its own set says of it is for hold.hpp.
			const auto above = parent == set ? std::nullopt : read_range(set, policy.parent, notation);
			range = above && overlaps(*above, *range) ? std::optional(Range{beginning, end}) : std::nullopt;
		}
		if (range) {
			held.push_back({std::string(partition), std::string(parent_name), *range});
		}
	}
	return held;
}

const Held *find_held(const std::vector<Held> &held, const Range &range) {
	const auto found = std::ranges::find_if(held, [&](const Held &one) { return overlaps(one.range, range); });
	return found == held.end() ? nullptr : &*found;
}

bool may_be_paired(const Policy &policy) {
	return policy.retention.references == Retention::References::Pair || refers_to_others(policy.parent);
}

} // namespace warden::partition
