// value.hpp - The keys of a list set, as text that any session reads alike: dates are of the ISO format, and so on.
//
// The invariant: whether two values are one is for the comparison function of the partition key to say, and never for
// their text.  What a type reads and compares may be code of a user's, so it runs as the owner of the table.
#pragma once

#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/scoped.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden::partition {

/// A value, or NULL.
struct Value {
	std::string text;
	bool is_null = false;
	int namesakes = 0; ///< of a place: how many before it would be called alike, as 'de' and 'DE' are

	bool operator==(const Value &) const = default;
};

/// A text[], and its elements.
std::vector<Value> values_of(pg::TextArray array);
pg::TextArray array_of(const std::vector<Value> &values);

/// For a scope of PinnedSettings: how values are written and read does not depend on the session.
void pin_notation();

/// A column that lists are of.
struct ListColumn {
	Oid type;
	int32 modifier;
	Oid comparison; ///< the support function of its operator class
	Oid collation;
};

/// Texts, as the session has them, as a column's values, written as pin_notation() has them; without those that equal
/// one before.  Error 22P02,
/// or another of the type's input function.
std::vector<Value> read_values(const ListColumn &column, Oid owner, const std::vector<Value> &texts);

/// A value that its type does not read any more: its label was renamed, its domain has another check.
struct Unreadable {
	Value value;
	Error error;
};

/// Takes those out of values that read_values() has written once.
std::vector<Unreadable> take_unreadable(const ListColumn &column, Oid owner, std::vector<Value> &values);

/// Of a table that is partitioned by list: the column, the values that no partition is for, and what rows of a value
/// have.
ListColumn list_column(const pg::OpenRelation &parent);
std::vector<Value> without_partition(const pg::OpenRelation &parent, const std::vector<Value> &values);
std::string condition_of(const pg::OpenRelation &parent, const Value &value);

/// What tells the partition of a value from its siblings: '_de'.
std::string name_suffix(const Value &value);

/// Values of which a partition has many rows, by the statistics of ANALYZE; the most frequent first.
std::vector<Value> frequent_values(Oid partition, const std::string &column, std::int64_t min_rows);

} // namespace warden::partition
