// bounds.hpp - What partitions a table has, read from the server's own descriptor of them.
//
// The invariant: bounds are taken as values, never from a name or from text, and hold for partitions of any width.
#pragma once

#include "partition/plan.hpp"
#include "pg/scoped.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::partition {

/// A partition key we can work with: one column of a time type.
struct Key {
	Oid type; ///< timestamptz, timestamp or date
	Notation notation;
	std::string column;
};

/// The partitions of a table, ordered by their bounds.
struct Bounds {
	Key key;
	std::vector<Range> ranges;
	std::vector<Oid> oids; ///< of the ranges
	Oid default_partition; ///< InvalidOid if there is none
};

/// Reads the partitions of a table, also one whose DETACH CONCURRENTLY was interrupted: its range is still taken.
/// Errors: 42809 not partitioned or not by range, 0A000 more than one key column or an expression, 42804 the type of
/// the key.
Bounds read_bounds(const pg::OpenRelation &parent);

/// The partition whose DETACH CONCURRENTLY was interrupted, if there is one: the server allows no second.
Oid find_detaching(Oid parent);

/// The range of a partition of this table, as the catalogue has it now; std::nullopt if it is none, is being detached,
/// or is the default one.  For a caller who holds its lock: unlike read_bounds() it costs the same for any number of
/// siblings.
std::optional<Range> read_range(Oid parent, Oid partition);

/// The zone to count in for this type of key: a key without time zone is what the clock shows.
Zone key_zone(const Key &key, const Zone &zone);

/// The clock: now, as a value of the key.
Moment key_now(const Key &key, const Zone &zone);

/// An instant, as a value of the key, and back.
Moment to_key(Moment instant, const Key &key, const Zone &zone);
Moment from_key(Moment value, const Key &key, const Zone &zone);

} // namespace warden::partition
