// bounds.hpp - What partitions a table has, read from the server's own descriptor of them.
//
// The invariant: bounds are taken as values, never from a name or from text, and hold for partitions of any width.
#pragma once

#include "partition/plan.hpp"
#include "partition/remainder.hpp"
#include "pg/scoped.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace warden::partition {

/// Bounds of a table as others wrote them, between a moment and the one before.
struct Foreign {
	std::string least;
	std::string greatest;
};

/// A partition key we can work with: one column.
struct Key {
	Oid type;
	Notation notation;
	Domain domain;
	std::string column;
	std::map<Moment, Foreign> foreign; ///< to continue from those without a gap
};

/// The partitions of a table, ordered by their bounds.
struct Bounds {
	Key key;
	std::vector<Range> ranges;
	std::vector<Oid> oids;             ///< of the ranges
	Oid default_partition;             ///< InvalidOid if there is none
	std::vector<Remainder> remainders; ///< of a set by hash, whose oids are theirs; of lists there are oids alone
	bool is_detaching = false;         ///< whether the DETACH CONCURRENTLY of one is not finished
};

/// The key of a table, written as was declared: std::nullopt for the types of time, which need no word about that.
/// Errors: 42809 not partitioned or not by range, 0A000 more than one key column or an expression, 42804 the type of
/// the key, or its collation.
Key read_key(const pg::OpenRelation &parent, std::optional<Notation> declared);

/// The same of a column that a table is not partitioned by yet.  Not for notations that need a collation.
Key key_of(Oid type, const std::string &column, std::optional<Notation> declared);

/// Whether there are keys between two moments that can be written.
bool has_finer_keys(Oid type, Notation notation);

/// Whether keys of a type can be written so, or (std::nullopt) tell the time by themselves; and what to do if not.
bool fits_notation(Oid type, std::optional<Notation> declared);
const char *hint_for_key(Oid type);

/// Server code.  Whether part of the key is an expression.  Looked up before the relation cache evaluates it.
bool has_key_expression(Relation parent);

/// Reads the partitions of a table, also one whose DETACH CONCURRENTLY was interrupted: its range is still taken.
/// Errors: those of read_key().
Bounds read_bounds(const pg::OpenRelation &parent, std::optional<Notation> declared);

/// The partition whose DETACH CONCURRENTLY was interrupted, if there is one: the server allows no second.
Oid find_detaching(Oid parent);

/// The range of a partition of this table, as the catalogue has it now; std::nullopt if it is none, is being detached,
/// or is the default one.  For a caller who holds its lock: unlike read_bounds() it costs the same for any number of
/// siblings.
std::optional<Range> read_range(Oid parent, Oid partition, std::optional<Notation> declared);

/// The range in pg_class.relpartbound; std::nullopt of a default partition.
std::optional<Range> range_of_bound(const std::string &bound, std::optional<Notation> declared);

/// Server code.  The moment of a key: the first that is not before it.
Moment moment_of_key(Datum datum, Oid type, Notation notation);

/// The zone to count in for this type of key: a key without time zone is what the clock shows.
Zone key_zone(const Key &key, const Zone &zone);

/// The clock: now, as a value of a key of time.
Moment key_now(const Key &key, const Zone &zone);

/// A bound as text: MINVALUE, MAXVALUE, or the key.  One of others is that of the range that it ends or begins.
enum class Side { Lower, Upper };
std::string show_bound(Moment bound, Side side, const Key &key, const Zone &zone);

/// The same for SQL: a key in quotes.
std::string write_bound(Moment bound, Side side, const Key &key, const Zone &zone);

/// An instant, as a value of the key, and back.
Moment to_key(Moment instant, const Key &key, const Zone &zone);
Moment from_key(Moment value, const Key &key, const Zone &zone);

} // namespace warden::partition
