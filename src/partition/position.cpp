#include "partition/position.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "storage/lmgr.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Empty partitions at the end of a set: those made ahead.  Behind many more of them nothing is looked for.
constexpr std::size_t most_looks = 64;

// $1 the parent, $2 the column.  Of the sequences that belong to the column, or that its default draws from.
constinit Statement select_sequence{R"(
SELECT max(pg_sequence_last_value(seqrelid))
FROM pg_sequence
WHERE seqincrement > 0 AND NOT seqcycle AND seqrelid IN (
    SELECT d.objid
    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
      AND a.attname = $2 AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid
    FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
    WHERE f.adrelid = $1 AND a.attname = $2))"};

// $1 a partition, $2 the column: whether its greatest value is found without reading all.
constinit Statement has_index{R"(
SELECT 1
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = $1 AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL AND am.amname = 'btree'
LIMIT 1)"};

// The greatest number in a partition; its lower bound if that would take long to find; std::nullopt if it is empty.
std::optional<Moment> greatest_in(Oid partition, const Range &range, const Key &key) {
	call(LockRelationOid, partition, AccessShareLock);
	if (!relation_exists(partition)) {
		return std::nullopt;
	}
	const std::string name = qualified_name(partition);
	const std::string column = call([&] { return quote_identifier(key.column.c_str()); });
	const AsOwner owner(owner_of(partition));
	Spi spi;
	if (spi.query<int32>(("SELECT 1 FROM " + name + " LIMIT 1").c_str()).empty()) {
		return std::nullopt;
	}
	if (spi.query<int32>(has_index, partition, key.column).empty()) {
		return range.lower;
	}
	const auto greatest =
		spi.query<std::optional<int64>>(("SELECT ceil(max(" + column + "))::int8 FROM " + name).c_str());
	return std::get<0>(greatest.front()).value_or(range.lower);
}

} // namespace

std::optional<Moment> sequence_position(Oid parent, const Key &key) {
	const AsExtension owner;
	Spi spi;
	const auto last = std::get<0>(spi.query<std::optional<int64>>(select_sequence, parent, key.column).front());
	return last ? std::optional(moment_of(*last, Notation::Number)) : std::nullopt;
}

Position find_position(Oid parent, const Bounds &bounds, Moment anchor) {
	if (const auto position = sequence_position(parent, bounds.key)) {
		return {std::clamp(*position, bounds.key.domain.first, bounds.key.domain.last), true};
	}
	std::size_t looks = 0;
	Moment oldest = anchor;
	for (std::size_t i = bounds.ranges.size(); i > 0; --i) {
		const Range &range = bounds.ranges[i - 1];
		if (!is_finite(range.lower) || !is_finite(range.upper)) {
			continue; // one for whatever comes is like a default one
		}
		oldest = range.lower;
		if (looks == most_looks) {
			return {oldest, false};
		}
		++looks;
		if (const auto greatest = greatest_in(bounds.oids[i - 1], range, bounds.key)) {
			return {std::clamp(*greatest, range.lower, range.upper - 1), true};
		}
	}
	return {oldest, true};
}

} // namespace warden::partition
