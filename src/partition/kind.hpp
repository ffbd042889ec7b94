// kind.hpp - How a set is partitioned, as it was declared: by range of a time or a number, by list, by hash; and how
// each of its partitions is to be partitioned in its turn.
//
// Read and written with the policy, of which this is what ranges do not need.
#pragma once

#include "partition/plan.hpp"
#include "partition/value.hpp"
#include "pg/spi.hpp"

namespace warden::partition {

enum class Method { Range, List, Hash };

/// What SQL calls it.
const char *name_of(Method method);
std::optional<Method> method_of(std::string_view name);

/// How new partitions of a set are partitioned.
struct Subdivision {
	Method method = Method::Hash;
	std::string key;                  ///< a column
	int modulus = 0;                  ///< of hash
	std::vector<Value> keys;          ///< of list
	std::string every;                ///< of range, as they were typed: an interval or a number
	std::optional<std::string> ahead; ///< likewise
	std::optional<std::string> keep;  ///< likewise
	std::string timezone;             ///< of range

	bool operator==(const Subdivision &) const = default;
};

struct Kind {
	Method method = Method::Range;
	int modulus = 0;                      ///< of hash
	std::vector<Value> keys;              ///< of list: each is to have a partition
	std::optional<std::int64_t> min_rows; ///< of list: values with so many rows in the default partition are reported
	std::optional<Subdivision> subdivision;
	Oid declared_on = InvalidOid; ///< the set whose subdivision makes this one, which has no declaration itself
	std::optional<Range> limits;  ///< its own bounds, if it is by range of the same column as that set

	bool operator==(const Kind &) const = default;
};

/// The kind of a set that was declared.  On our own tables, as their owner.
Kind read_kind(pg::Spi &spi, Oid parent);

/// Has a set subdivided, or (std::nullopt) not any more.  As the owner of our tables.
void write_subdivision(Oid parent, const std::optional<Subdivision> &subdivision);

} // namespace warden::partition
